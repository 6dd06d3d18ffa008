//! What goes wrong is said.

use std::panic::{AssertUnwindSafe, catch_unwind};

use snellen::kernel::cuda::grids::{Grids, Reading};
use snellen::kernel::cuda::{Error, Fault, Faults};

use crate::devices::{each_architecture, everywhere};
use crate::numbers::ordinary;

#[test]
fn the_first_row_of_the_first_stage_that_is_not_finite_is_found() {
    everywhere(|device| {
        for (number, rows) in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY].into_iter().zip([1, 17, 65]) {
            let k = 33;
            let faults = Faults::new(device, 3).unwrap();
            let sound = device.upload(&ordinary("x", rows * k)).unwrap();
            Grids::of(&sound, rows, k, faults.stage(0)).unwrap();
            assert_eq!(faults.first().unwrap(), None);
            for first in [rows - 1, rows / 2] {
                let mut x = ordinary("x", rows * k);
                x[first * k + k - 1] = number;
                x[(rows - 1) * k] = number;
                let x = device.upload(&x).unwrap();
                Grids::of(&x, rows, k, faults.stage(1)).unwrap();
                Grids::of(&x, rows, k, faults.stage(2)).unwrap();
                assert_eq!(faults.first().unwrap(), Some(Fault { stage: 1, row: first }));
                let mut columns = Grids::new(device).unwrap();
                let last = Faults::new(device, 1).unwrap();
                columns.fill_transposed(&x, rows, k, last.stage(0)).unwrap();
                assert_eq!(
                    last.first().unwrap(),
                    Some(Fault { stage: 0, row: 0 }),
                    "a text is reported by its first row"
                );
            }
        }
    });
}

#[test]
fn rows_that_lie_in_groups_are_reported_by_their_group() {
    let reading = Reading { offset: 2, rows: 12, k: 4, inner: 3, outer: 16, between: 4 };
    everywhere(|device| {
        for (place, expected) in
            [(1, None), (2, Some(0)), (13, Some(0)), (14, None), (2 + 16 + 9, Some(1)), (2 + 48 + 11, Some(3))]
        {
            let mut x = ordinary("x", 64);
            x[place] = f32::NAN;
            let faults = Faults::new(device, 1).unwrap();
            let x = device.upload(&x).unwrap();
            Grids::new(device).unwrap().fill(&x, reading, Some(faults.stage(0))).unwrap();
            assert_eq!(faults.first().unwrap().map(|fault| fault.row), expected, "{place}");
        }
    });
}

#[test]
fn too_little_memory_is_an_error_of_its_own() {
    each_architecture(|device| {
        let (free, total) = device.memory().unwrap();
        assert!(free <= total);
        match device.allocate::<f32>(total) {
            Err(Error::Memory { bytes, .. }) => assert_eq!(bytes, 4 * total),
            other => panic!("{:?}", other.map(|buffer| buffer.len())),
        }
        let mut buffer = device.upload(&[1.0f32, 2.0]).unwrap();
        assert!(buffer.resize(total).is_err() && buffer.is_empty());
        buffer.resize(3).unwrap();
        assert_eq!(buffer.download().unwrap().len(), 3);
    });
}

#[test]
fn shapes_that_do_not_fit_panic() {
    each_architecture(|device| {
        let faults = Faults::new(device, 1).unwrap();
        let x = device.upload(&[0.0f32; 6]).unwrap();
        let rows = |rows| catch_unwind(AssertUnwindSafe(|| Grids::of(&x, rows, 2, faults.stage(0)).unwrap().count()));
        assert_eq!(rows(3).unwrap(), 3);
        assert!(rows(4).is_err(), "eight of six numbers");
    });
}

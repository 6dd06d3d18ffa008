//! What can be tested without a device or an emulator.

use super::*;

#[test]
fn without_a_card_it_is_said_what_is_missing() {
    match Device::card(4096) {
        Ok(device) => panic!("{device:?} is the 4,097th card"),
        Err(Error::Missing(what)) => assert!(what.contains("NVIDIA"), "{what}"),
        Err(other) => panic!("{other}"),
    }
}

#[test]
#[allow(unsafe_code)]
fn an_emulator_that_is_not_there_is_missing() {
    // SAFETY: there is nothing that could be loaded.
    let error = unsafe { Device::emulator("no/such/emulator".as_ref(), Order::Ascending, 1) }.unwrap_err();
    assert!(matches!(&error, Error::Missing(what) if what.contains("no/such/emulator")), "{error}");
}

#[test]
fn the_modules_of_both_architectures_have_the_kernels() {
    let kernels = |ptx: &str| ptx.lines().filter(|line| line.starts_with(".visible .entry")).count();
    assert_eq!([driver::PTX_75, driver::PTX_80].map(kernels), [19, 20], "without and with tensor cores");
    for ptx in [driver::PTX_75, driver::PTX_80] {
        assert!(ptx.ends_with('\0') && !ptx[..ptx.len() - 1].contains('\0'), "one text that ends");
        assert!(ptx.contains(".version 8.0\n"), "PTX that drivers from 525 on accept");
    }
}

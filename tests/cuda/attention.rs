//! Attention over ragged batches.

use snellen::kernel::cuda::attention::Attention;
use snellen::kernel::cuda::texts::{Length, Texts};
use snellen::kernel::cuda::{Device, Faults};
use snellen::kernel::reference;

use crate::devices::{each_architecture, everywhere};
use crate::numbers::{ordinary, same, transposed};

/// Attention of one head: q [tokens, width], k and v [attended, width].
fn head(q: &[f32], k: &[f32], v: &[f32], width: usize) -> Vec<f32> {
    let attended = k.len() / width;
    let mut scores = reference::product(q, k, width).unwrap();
    for row in scores.chunks_exact_mut(attended) {
        row.iter_mut().for_each(|x| *x /= (width as f32).sqrt());
        reference::softmax(row);
    }
    reference::product(&scores, &transposed(v, width), attended).unwrap()
}

/// Attention of all texts and heads, from [T, 3·heads·width] to [T, heads·width].
fn plain(projected: &[f32], lengths: &[Length], heads: usize, width: usize) -> Vec<f32> {
    let h = heads * width;
    let mut context = vec![0.0; projected.len() / 3];
    let mut start = 0;
    for Length { tokens, attended } in lengths {
        for at in 0..heads {
            let part = |i: usize, n: usize| -> Vec<f32> {
                let row = |t: usize| &projected[(start + t) * 3 * h + i * h + at * width..][..width];
                (0..n).flat_map(row).copied().collect()
            };
            let out = head(&part(0, *tokens), &part(1, *attended), &part(2, *attended), width);
            for (t, row) in out.chunks_exact(width).enumerate() {
                context[(start + t) * h + at * width..][..width].copy_from_slice(row);
            }
        }
        start += tokens;
    }
    context
}

fn check(device: &Device, lengths: &[Length], heads: usize, width: usize) {
    let tokens: usize = lengths.iter().map(|length| length.tokens).sum();
    let projected = ordinary("projected", tokens * 3 * heads * width);
    let faults = Faults::new(device, 1).unwrap();
    let texts = Texts::new(device, lengths).unwrap();
    let mut context = device.allocate(tokens * heads * width).unwrap();
    let on_device = device.upload(&projected).unwrap();
    let mut attention = Attention::new(device).unwrap();
    attention.apply(&on_device, &texts, heads, &mut context, faults.stage(0)).unwrap();
    let expected = plain(&projected, lengths, heads, width);
    same(&context.download().unwrap(), &expected, &format!("{lengths:?}, {heads} heads of {width}"));
    assert_eq!(faults.first().unwrap(), None);
}

fn length(tokens: usize, attended: usize) -> Length {
    Length { tokens, attended }
}

#[test]
fn attention_has_the_bits_of_the_reference() {
    let batches: [(&[Length], usize, usize); 6] = [
        (&[length(1, 1)], 1, 1),
        (&[length(3, 2), length(17, 17), length(1, 1), length(33, 31)], 2, 8),
        (&[length(16, 16), length(15, 1)], 3, 32),
        (&[length(65, 65)], 1, 33),
        (&[length(31, 31), length(129, 63)], 2, 12),
        (&[length(33, 33), length(2, 2)], 2, 64),
    ];
    everywhere(|device| batches.iter().for_each(|(lengths, heads, width)| check(device, lengths, *heads, *width)));
}

#[test]
fn long_texts_have_fewer_queries_a_block() {
    each_architecture(|device| check(device, &[length(40, 40), length(800, 780)], 1, 8));
}

#[test]
fn only_what_is_attended_to_has_to_be_finite() {
    let lengths = [length(5, 5), length(7, 4), length(6, 6)];
    let (heads, width) = (2, 8);
    let h = heads * width;
    everywhere(|device| {
        let texts = Texts::new(device, &lengths).unwrap();
        let fault = |row: usize, column: usize, number: f32| {
            let mut projected = ordinary("projected", 18 * 3 * h);
            projected[row * 3 * h + column] = number;
            let faults = Faults::new(device, 2).unwrap();
            let mut context = device.allocate(18 * h).unwrap();
            let projected = device.upload(&projected).unwrap();
            let mut attention = Attention::new(device).unwrap();
            attention.apply(&projected, &texts, heads, &mut context, faults.stage(1)).unwrap();
            faults.first().unwrap().map(|fault| (fault.stage, fault.row))
        };
        for number in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            // Of the second text, rows 5 to 11: queries of all, keys and values of the first four.
            for (row, column, expected) in [
                (11, 3, Some(5)),
                (6, h + 3, Some(5)),
                (8, 2 * h + 9, Some(5)),
                (10, h + 3, None),
                (10, 2 * h + 9, None),
                (0, 0, Some(0)),
                (17, 3 * h - 1, Some(12)),
            ] {
                assert_eq!(fault(row, column, number), expected.map(|first| (1, first)), "{row} {column} {number}");
            }
        }
    });
}

//! The contract's self-test on a device: before its first result is believed.

use super::attention::Attention;
use super::embed::{Tables, Tokens, embed};
use super::grids::Grids;
use super::product::{Epilogue, Unit, product_by};
use super::rows::{Function, Pool, function, layer_norm, normalize, pool, softmax};
use super::select::{best, max_sim};
use super::texts::{Length, Texts};
use super::{Buffer, Device, Error, Faults};
use crate::kernel::product::Activation;
use crate::kernel::reference;
use crate::kernel::self_test::numbers;

/// Rows and columns of the product, which fill no tile; terms of several steps, the last not whole.
const SHAPE: (usize, usize, usize) = (21, 77, 67);

/// Whether products, with all units that the device has, attention, embeddings and their pooling, row operations, functions, late interaction and the selection of
/// the best have the reference's bits on awkward shapes.
///
/// # Errors
/// As the device says.
pub fn keeps_contract(device: &Device) -> Result<bool, Error> {
    Ok(products_agree(device)?
        && attention_agrees(device)?
        && embeddings_agree(device)?
        && rows_agree(device)?
        && functions_agree(device)?
        && selection_agrees(device)?)
}

fn same(ours: &Buffer<f32>, expected: &[f32]) -> Result<bool, Error> {
    Ok(ours.download()?.iter().zip(expected).all(|(x, y)| x.to_bits() == y.to_bits()))
}

fn products_agree(device: &Device) -> Result<bool, Error> {
    let (m, k, n) = SHAPE;
    let (a, b, bias) = (numbers(m * k, 7919), numbers(n * k, 104_729), numbers(n, 31));
    let Ok(mut expected) = reference::product(&a, &b, k) else { return Ok(false) };
    for (i, x) in expected.iter_mut().enumerate() {
        *x = reference::gelu(*x + bias[i % n]) + a[i % a.len()];
    }
    let faults = Faults::new(device, 1)?;
    let residual: Vec<f32> = (0..m * n).map(|i| a[i % a.len()]).collect();
    let [rows, columns] = [(&a, m), (&b, n)].map(|(x, rows)| Grids::of(&device.upload(x)?, rows, k, faults.stage(0)));
    let (rows, columns) = (rows?, columns?);
    let (bias, residual) = (device.upload(&bias)?, device.upload(&residual)?);
    let epilogue = Epilogue { bias: Some(&bias), activation: Some(Activation::Gelu), residual: Some(&residual) };
    let mut out = device.allocate(m * n)?;
    for unit in Unit::ALL.into_iter().filter(|unit| unit.present(device.capability())) {
        product_by(unit, &rows, &columns, &epilogue, &mut out)?;
        if !same(&out, &expected)? {
            return Ok(false);
        }
    }
    Ok(faults.first()?.is_none())
}

/// One head of one text, which attends to all but its last tokens.
fn attention_agrees(device: &Device) -> Result<bool, Error> {
    let (tokens, attended, width) = (37, 33, 24);
    let [q, k, v] = [7919, 104_729, 31].map(|step| numbers(tokens * width, step));
    let row = |t: usize| [&q, &k, &v].map(|part| &part[t * width..][..width]).concat();
    let projected: Vec<f32> = (0..tokens).flat_map(row).collect();
    let column = |c: usize| v.chunks_exact(width).take(attended).map(move |row| row[c]).collect::<Vec<f32>>();
    let columns: Vec<f32> = (0..width).flat_map(column).collect();
    let Ok(mut scores) = reference::product(&q, &k[..attended * width], width) else { return Ok(false) };
    for row in scores.chunks_exact_mut(attended) {
        row.iter_mut().for_each(|x| *x /= (width as f32).sqrt());
        reference::softmax(row);
    }
    let Ok(expected) = reference::product(&scores, &columns, attended) else { return Ok(false) };
    let faults = Faults::new(device, 1)?;
    let texts = Texts::new(device, &[Length { tokens, attended }])?;
    let mut context = device.allocate(tokens * width)?;
    Attention::new(device)?.apply(&device.upload(&projected)?, &texts, 1, &mut context, faults.stage(0))?;
    Ok(same(&context, &expected)? && faults.first()?.is_none())
}

/// Five tokens of two texts, and the mean of each.
fn embeddings_agree(device: &Device) -> Result<bool, Error> {
    let (width, ids, places) = (SHAPE.1, [3, 0, 2, 2, 1], [0, 1, 2, 0, 1]);
    let [words, positions, kind] = [(4, 7919), (3, 31), (1, 17)].map(|(rows, step)| numbers(rows * width, step));
    let [weight, bias] = [5, 3].map(|step| numbers(width, step));
    let row = |table: &[f32], i: u32, at: usize| table[i as usize * width + at];
    let sum = |(id, place): (&u32, &u32)| {
        let at = |at: usize| (row(&words, *id, at) + kind[at]) + row(&positions, *place, at);
        let mut sum: Vec<f32> = (0..width).map(at).collect();
        reference::layer_norm(&mut sum, &weight, &bias, 1e-12);
        sum
    };
    let states: Vec<Vec<f32>> = ids.iter().zip(&places).map(sum).collect();
    let mean = |rows: &[Vec<f32>]| {
        let sum = |at: usize| rows[1..].iter().fold(rows[0][at], |sum, row| sum + row[at]);
        (0..width).map(|at| sum(at) / rows.len() as f32).collect::<Vec<f32>>()
    };
    let pooled = [mean(&states[..3]), mean(&states[3..])].concat();
    let upload = |values: &[f32]| device.upload(values);
    let norm = [upload(&weight)?, upload(&bias)?];
    let tables = Tables::new(upload(&words)?, upload(&positions)?, upload(&kind)?, norm, 1e-12);
    let (mut out, mut means) = (device.allocate(5 * width)?, device.allocate(2 * width)?);
    embed(&tables, &Tokens::new(&ids, &places), None, None, &mut out)?;
    pool(Pool::Mean, &out, &Texts::new(device, &[3.into(), 2.into()])?, width, &mut means)?;
    Ok(same(&out, &states.concat())? && same(&means, &pooled)?)
}

fn rows_agree(device: &Device) -> Result<bool, Error> {
    let n = SHAPE.1;
    let (x, weight, bias) = (numbers(n, 7919), numbers(n, 31), numbers(n, 17));
    let mut expected = [x.clone(), x.clone(), x.clone()];
    reference::layer_norm(&mut expected[0], &weight, &bias, 1e-12);
    reference::softmax(&mut expected[1]);
    reference::normalize(&mut expected[2]);
    let (given, weight, bias) = (device.upload(&x)?, device.upload(&weight)?, device.upload(&bias)?);
    let mut out = [device.allocate(n)?, device.upload(&x)?, device.upload(&x)?];
    layer_norm(&given, &weight, &bias, 1e-12, &mut out[0])?;
    softmax(&mut out[1], n, 1.0)?;
    normalize(&mut out[2], n)?;
    out.iter().zip(&expected).try_fold(true, |all, (out, expected)| Ok(same(out, expected)? && all))
}

fn functions_agree(device: &Device) -> Result<bool, Error> {
    let x = numbers(999, 104_729);
    let given = device.upload(&x)?;
    let mut out = device.allocate(x.len())?;
    for kind in Function::ALL {
        function(kind, &given, &mut out)?;
        if !same(&out, &x.iter().map(|x| kind.of(*x)).collect::<Vec<f32>>())? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Scores of two queries with some passages, and the best of them.
fn selection_agrees(device: &Device) -> Result<bool, Error> {
    let (queries, passages, k) = ([19, 2], [1, 40, 0, 7, 8, 8, 3], SHAPE.1);
    let (asked, given) = (numbers(21 * k, 7919), numbers(67 * k, 104_729));
    let faults = Faults::new(device, 1)?;
    let placed = |tokens: &[f32], lengths: &[usize]| {
        let grids = Grids::of(&device.upload(tokens)?, tokens.len() / k, k, faults.stage(0))?;
        Ok((grids, Texts::new(device, &lengths.iter().copied().map(Length::from).collect::<Vec<_>>())?))
    };
    let ((left, left_texts), (right, right_texts)) = (placed(&asked, &queries)?, placed(&given, &passages)?);
    let scores = max_sim(&left, &left_texts, &right, &right_texts)?;

    let mut expected = Vec::new();
    for query in [&asked[..19 * k], &asked[19 * k..]] {
        let mut rest = &given[..];
        for tokens in passages {
            let (passage, others) = rest.split_at(tokens * k);
            rest = others;
            let Ok(score) = reference::max_sim(query, passage, k) else { return Ok(false) };
            expected.push(score);
        }
    }
    if !same(&scores, &expected)? || faults.first()?.is_some() {
        return Ok(false);
    }
    let (places, values) = best(&scores, passages.len(), 4)?;
    let mut ranked: Vec<(usize, f32)> = Vec::new();
    for row in expected.chunks_exact(passages.len()) {
        let mut row: Vec<(usize, f32)> = row.iter().copied().enumerate().collect();
        row.sort_by(|a, b| b.1.total_cmp(&a.1));
        ranked.extend(&row[..4]);
    }
    let (expected, scores): (Vec<usize>, Vec<f32>) = ranked.into_iter().unzip();
    Ok(same(&values, &scores)? && places.download()?.iter().map(|place| *place as usize).eq(expected))
}

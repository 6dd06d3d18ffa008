//! Products [m, k] × [k, n] on one thread as a player: `LIBRARY m k n` gives the least seconds a product took in a fifth of a second, `peaks` the machine's. Argument: ISA.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use ndarray::{Array2, ArrayView2};
use peers::{Fault, seconds, serve};
use serde_json::{Value, json};
use snellen::kernel::isa::Isa;
use snellen::kernel::peak::peaks;
use snellen::kernel::product::{Columns, Form, Rows, product};
use snellen::kernel::random::Stream;

fn main() -> Result<(), Fault> {
    let isa = std::env::args().nth(1).ok_or("ISA")?;
    peers::force(&isa)?;
    serve(|words| match words {
        ["peaks"] => {
            let peaks = peaks(Isa::active());
            let isa = Isa::active().to_string();
            Ok(json!({"isa": isa, "f32": peaks.f32, "f64": peaks.f64, "int16": peaks.int16, "int8": peaks.int8}))
        }
        [library, m, k, n] => time(library, m.parse()?, k.parse()?, n.parse()?),
        _ => Err(format!("no product {}", words.join(" ")).into()),
    })
}

/// Seconds that `library` takes for a product. The right operand is a weight: it comes as [n, k], and Snellen packs it once; the left one is
/// an activation, whose gridding counts.
fn time(library: &str, m: usize, k: usize, n: usize) -> Result<Value, Fault> {
    let (a, b) = (normal(m * k, "left"), normal(n * k, "right"));
    let (a64, b64) = (widened(&a), widened(&b));
    let mut out = vec![0.0f32; m * n];
    let mut out64 = vec![0.0f64; m * n];
    let view = ArrayView2::from_shape((m, k), &a)?;
    let columns = Columns::of(ArrayView2::from_shape((n, k), &b)?, Form::active())?;
    let (mut rows, mut exact) = (Rows::new(Form::active()), Array2::zeros((m, n)));
    let (row_of_k, row_of_n) = (isize::try_from(k)?, isize::try_from(n)?);
    let mut run: Box<dyn FnMut()> = match library {
        "snellen" => Box::new(move || {
            rows.fill(view).expect("finite");
            product(&rows, &columns, exact.view_mut());
        }),
        // SAFETY (both): the strides describe matrices of m·k, k·n and m·n numbers, which the vectors hold.
        "matrixmultiply-f32" => Box::new(move || unsafe {
            let (a, b, c) = (a.as_ptr(), b.as_ptr(), out.as_mut_ptr());
            matrixmultiply::sgemm(m, k, n, 1.0, a, row_of_k, 1, b, 1, row_of_k, 0.0, c, row_of_n, 1);
        }),
        "matrixmultiply-f64" => Box::new(move || unsafe {
            let (a, b, c) = (a64.as_ptr(), b64.as_ptr(), out64.as_mut_ptr());
            matrixmultiply::dgemm(m, k, n, 1.0, a, row_of_k, 1, b, 1, row_of_k, 0.0, c, row_of_n, 1);
        }),
        "faer-f32" => Box::new(move || {
            let left = MatRef::from_row_major_slice(&a, m, k);
            let right = MatRef::from_row_major_slice(&b, n, k).transpose();
            let out = MatMut::from_row_major_slice_mut(&mut out, m, n);
            matmul(out, Accum::Replace, left, right, 1.0, Par::Seq);
        }),
        "faer-f64" => Box::new(move || {
            let left = MatRef::from_row_major_slice(&a64, m, k);
            let right = MatRef::from_row_major_slice(&b64, n, k).transpose();
            let out = MatMut::from_row_major_slice_mut(&mut out64, m, n);
            matmul(out, Accum::Replace, left, right, 1.0, Par::Seq);
        }),
        _ => return Err(format!("no library {library}").into()),
    };
    run();
    let begun = std::time::Instant::now();
    let mut least = f64::INFINITY;
    while begun.elapsed().as_secs_f64() < 0.2 {
        least = least.min(seconds(|| {
            run();
            Ok(())
        })?);
    }
    Ok(least.into())
}

/// Numbers as activations and weights have them, the same in every run.
fn normal(len: usize, name: &str) -> Vec<f32> {
    let mut stream = Stream::new(7, name, []);
    (0..len).map(|_| stream.normal() as f32).collect()
}

fn widened(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}

//! Each kernel on one thread, beside what the processor could do at most, measured in the same run: `cargo bench`, or
//! `cargo bench -- product` for some. SNELLEN_ISA forces an instruction set.
//!
//! A product of [m, k] and [k, n] counts 2·m·k·n operations however it is computed, so that its speed compares with a product in f32.

use std::hint::black_box;
use std::io::Write as _;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput};
use ndarray::{Array2, ArrayView2};
use snellen::kernel::isa::Isa;
use snellen::kernel::peak::{Peaks, peaks};
use snellen::kernel::product::{Columns, Form, Rows, product};
use snellen::kernel::random::Stream;
use snellen::kernel::{math, rows, select};
use snellen::retrieval::{dense, late};

/// (m, k, n): an encoder's large products, a sentence of ten tokens, and a head's scores and sums over sequences of 32 and 128 tokens.
const PRODUCTS: [(usize, usize, usize); 9] = [
    (512, 384, 1536),
    (512, 1536, 384),
    (128, 768, 3072),
    (10, 384, 1152),
    (10, 1536, 384),
    (32, 32, 32),
    (128, 32, 128),
    (128, 128, 32),
    (128, 64, 128),
];

fn main() {
    if let Ok(name) = std::env::var("SNELLEN_ISA") {
        let isa: Isa = name.parse().expect("SNELLEN_ISA");
        assert!(isa.force(), "this processor has not {isa}");
    }
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global().expect("the first pool");
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20)
        .configure_from_args();
    let peaks = peaks(Isa::active());
    say(&format!("peaks of one core, 10^9 operations a second, {}: {peaks:?}", Isa::active()));
    products(&mut criterion, &peaks);
    grids(&mut criterion);
    row_kernels(&mut criterion);
    functions(&mut criterion);
    searches(&mut criterion, &peaks);
    criterion.final_summary();
}

fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Normal numbers, the same in every run.
fn matrix(rows: usize, width: usize, name: &str) -> Array2<f32> {
    let mut stream = Stream::new(7, name, []);
    Array2::from_shape_simple_fn((rows, width), || stream.normal() as f32)
}

/// Measures `work` of so many operations and says how fast it was at its best beside the f32 peak.
fn against_peak(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    operations: usize,
    peaks: &Peaks,
    mut work: impl FnMut(),
) {
    let mut least = f64::INFINITY;
    group.throughput(Throughput::Elements(operations as u64));
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|times| {
            let mut total = Duration::ZERO;
            for _ in 0..times {
                let start = Instant::now();
                work();
                let taken = start.elapsed();
                least = least.min(taken.as_secs_f64());
                total += taken;
            }
            total
        });
    });
    if least.is_finite() {
        let speed = operations as f64 / least / 1e9;
        let (f32, f64) = (speed / peaks.f32, speed / peaks.f64);
        say(&format!("{name}: at best {speed:.1} Gflop/s, {f32:.2} × the f32 peak, {f64:.2} × the f64 peak"));
    }
}

/// Exact products of rows that are put on their grids each time and columns that are packed once, as an encoder multiplies; and without the rows' part.
fn products(criterion: &mut Criterion, peaks: &Peaks) {
    let mut group = criterion.benchmark_group("product");
    let form = Form::active();
    for (m, k, n) in PRODUCTS {
        let (left, right) = (matrix(m, k, "left"), matrix(n, k, "right"));
        let columns = Columns::of(right.view(), form).expect("finite");
        let rows = Rows::of(left.view(), form).expect("finite");
        let (mut again, mut out) = (Rows::new(form), Array2::zeros((m, n)));
        let operations = 2 * m * k * n;
        against_peak(&mut group, &format!("{m}x{k}x{n}"), operations, peaks, || {
            again.fill(black_box(left.view())).expect("finite");
            product(&again, &columns, out.view_mut());
        });
        against_peak(&mut group, &format!("{m}x{k}x{n}, rows ready"), operations, peaks, || {
            product(black_box(&rows), &columns, out.view_mut());
        });
    }
    group.finish();
}

/// Rows to their grids, and columns to their grids and panels.
fn grids(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("grid");
    let form = Form::active();
    for (rows, width) in [(512, 384), (512, 1536), (10, 384), (128, 32)] {
        let numbers = matrix(rows, width, "grid");
        group.throughput(Throughput::Elements((rows * width) as u64));
        group.bench_function(format!("rows {rows}x{width}"), |b| b.iter(|| Rows::of(black_box(numbers.view()), form)));
        group.bench_function(format!("columns {rows}x{width}"), |b| {
            b.iter(|| Columns::of(black_box(numbers.view()), form))
        });
    }
    group.finish();
}

/// Kernels over rows, on the sizes of 256 tokens of an encoder of width 384.
fn row_kernels(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("rows");
    let (weight, bias) = (matrix(1, 384, "weight"), matrix(1, 384, "bias"));
    let (weight, bias) = (weight.as_slice().expect("contiguous"), bias.as_slice().expect("contiguous"));
    type Kernel<'a> = (&'a str, usize, Box<dyn Fn(&mut [f32]) + 'a>);
    let kernels: [Kernel<'_>; 9] = [
        ("layer_norm 384", 256 * 384, Box::new(|x| rows::layer_norm(x, weight, bias, 1e-12))),
        ("softmax 10", 1200, Box::new(|x| rows::softmax(x, 10, 5.65))),
        ("softmax 32", 32 * 32 * 12, Box::new(|x| rows::softmax(x, 32, 5.65))),
        ("softmax 128", 128 * 128 * 12, Box::new(|x| rows::softmax(x, 128, 5.65))),
        ("gelu", 256 * 1536, Box::new(rows::gelu)),
        ("gelu_new", 256 * 1536, Box::new(rows::gelu_new)),
        ("relu", 256 * 1536, Box::new(rows::relu)),
        ("normalize 384", 384, Box::new(rows::normalize)),
        ("sum 384", 384, Box::new(|x| _ = black_box(rows::sum(x)))),
    ];
    for (name, len, kernel) in kernels {
        let numbers = matrix(1, len, "rows");
        let numbers = numbers.as_slice().expect("contiguous");
        let mut room = numbers.to_vec();
        group.throughput(Throughput::Elements(len as u64));
        group.bench_function(name, |b| {
            b.iter(|| {
                // Copied each time: most of these would otherwise work on their own results.
                room.copy_from_slice(numbers);
                kernel(black_box(&mut room));
            });
        });
    }
    group.finish();
}

/// The functions in a plain loop, which is compiled for what every processor has; the row kernels use them compiled for each instruction set
/// (softmax exp, gelu erf, gelu_new tanh).
fn functions(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("functions");
    let numbers = matrix(1, 4096, "functions");
    let mut out = vec![0.0f32; 4096];
    group.throughput(Throughput::Elements(4096));
    macro_rules! function {
        ($name:ident) => {
            group.bench_function(stringify!($name), |b| {
                b.iter(|| {
                    for (y, x) in out.iter_mut().zip(black_box(&numbers)) {
                        *y = math::$name(*x);
                    }
                    black_box(&mut out);
                });
            });
        };
    }
    function!(exp);
    function!(erf);
    function!(tanh);
    function!(log);
    group.finish();
}

/// Searches, and what they do with their blocks of scores.
fn searches(criterion: &mut Criterion, peaks: &Peaks) {
    let mut group = criterion.benchmark_group("search");
    let (queries, corpus) = (matrix(100, 384, "queries"), matrix(8192, 384, "corpus"));
    let operations = 2 * queries.len() * corpus.nrows();
    against_peak(&mut group, "dense top-100, 100x8192x384", operations, peaks, || {
        black_box(dense::rank(queries.view(), corpus.view(), 100).expect("finite"));
    });

    let (queries, passages) = (matrix(16 * 32, 128, "query tokens"), matrix(128 * 64, 128, "passage tokens"));
    let offsets = |texts: usize, tokens: usize| (0..=texts).map(|i| i * tokens).collect::<Vec<_>>();
    let (query_offsets, passage_offsets) = (offsets(16, 32), offsets(128, 64));
    let ragged = |tokens, offsets| late::Ragged::of(tokens, offsets).expect("offsets of these tokens");
    let operations = 2 * queries.len() * passages.nrows();
    against_peak(&mut group, "MaxSim, 16x32 against 128x64 tokens, d = 128", operations, peaks, || {
        let queries = ragged(queries.view(), &query_offsets);
        black_box(late::rank(queries, ragged(passages.view(), &passage_offsets), 100).expect("finite"));
    });

    scores(&mut group);
    group.finish();
}

/// Which scores reach a bar, and maxima over a passage's tokens: 64 rows of 256 scores.
fn scores(group: &mut BenchmarkGroup<'_, WallTime>) {
    let numbers = matrix(64, 256, "scores");
    let scores: ArrayView2<'_, f32> = numbers.view();
    let scores = scores.as_slice().expect("contiguous");
    let (bars, mut found, mut maxima) = (vec![3.0f32; 256], Vec::new(), vec![f32::NEG_INFINITY; 256]);
    group.throughput(Throughput::Elements(scores.len() as u64));
    group.bench_function("scores that reach a bar", |b| {
        b.iter(|| {
            found.clear();
            select::reaching(black_box(scores), &bars, &mut found);
        });
    });
    group.bench_function("maxima", |b| b.iter(|| select::raise_maxima(black_box(scores), &mut maxima)));
}

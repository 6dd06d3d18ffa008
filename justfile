# Each recipe is a line or two over the program itself: nobody needs just to get a result.

# List the recipes.
default:
    @just --list

# What CI runs.
ci:
    bash .ci/run

# A program that needs no library of the system, for any Linux with an x86-64 processor. It is without GPUs: NVIDIA's driver is a shared library, which a static program cannot load. rustup fetches the target where it is not here; a dependency has a few lines of assembly, which want musl-gcc (Debian: musl-tools).
static:
    rustup target add x86_64-unknown-linux-musl
    cargo build --release --locked --target x86_64-unknown-linux-musl --no-default-features --features cli
    target/x86_64-unknown-linux-musl/release/snellen verify

# A wheel with the program in it, in target/wheels, tried in a fresh environment. It is not published.
wheel:
    #!/usr/bin/env bash
    set -euo pipefail
    python3 -m pip install --quiet --upgrade --target target/wheel-tools maturin==1.16.0
    rm -rf target/wheels target/wheel-tried
    PYTHONPATH=target/wheel-tools target/wheel-tools/bin/maturin build --release --locked --out target/wheels
    python3 -m venv target/wheel-tried
    target/wheel-tried/bin/pip install --quiet --no-index target/wheels/snellen-*.whl
    target/wheel-tried/bin/snellen verify

# Manual pages and completions, in target/share: what a package puts beside the program.
share:
    #!/usr/bin/env bash
    set -euo pipefail
    cargo build --release --locked
    target/release/snellen manual --output target/share/man/man1
    mkdir -p target/share/completions
    for shell in bash zsh fish; do target/release/snellen completions $shell >target/share/completions/snellen.$shell; done

# The built-in claims: seconds, nothing to fetch.
verify:
    cargo run --release -- verify

# MTEB's Tatoeba table of all-MiniLM-L6-v2: 112 languages, 448 cells.
table-tatoeba-mteb *options:
    cargo run --release -- data fetch tatoeba all-MiniLM-L6-v2
    cargo run --release -- verify mteb-tatoeba-all-MiniLM-L6-v2 {{options}}

# Our recorded table of the 4-bit multilingual-e5-small, with "query: " and without.
table-tatoeba-e5-q4 *options:
    cargo run --release -- data fetch tatoeba multilingual-e5-small-q4
    cargo run --release -- verify tatoeba-multilingual-e5-small-q4-query tatoeba-multilingual-e5-small-q4-no-prefix {{options}}

# LAReQA of the 4-bit multilingual-e5-small: all views; about half an hour on two cores.
table-lareqa *options:
    cargo run --release -- data fetch xquad-r multilingual-e5-small-q4
    cargo run --release -- task lareqa --model multilingual-e5-small-q4 --query-prefix "query: " --corpus-prefix "passage: " {{options}}

# AfriQA: dense, late interaction, BM25 on the translations, and all of them fused.
table-afriqa *options:
    cargo run --release -- data fetch afriqa multilingual-e5-small-q4
    cargo run --release -- task clir --data afriqa --languages bem,hau,swa,yor,zul --model multilingual-e5-small-q4 --query-prefix "query: " --corpus-prefix "passage: " {{options}}

# Each kind of perturbation at two rates; code-switch needs a lexicon of its own.
perturbations := "neighbour@0.1,neighbour@0.3,swap@0.1,swap@0.3,delete@0.1,delete@0.3,insert@0.1,insert@0.3,duplicate@0.1,duplicate@0.3,typo@0.1,typo@0.3,diacritics@0.5,diacritics@1,romanise@0.5,romanise@1,confusable@0.1,confusable@0.3,nfd@0.5,nfd@1,zero-width@0.1,zero-width@0.3,upper@0.5,upper@1,lower@0.5,lower@1,flip-case@0.1,flip-case@0.3,punctuation@0.5,punctuation@1,unspace@0.1,unspace@0.3,split@0.1,split@0.3,double-space@0.1,double-space@0.3,word-order@0.1,word-order@0.3,drop-word@0.1,drop-word@0.3,repeat-word@0.1,repeat-word@0.3"

# Robustness on Tatoeba: XTREME-R's 41 languages, every kind at two rates, ten seeds: by estimate 8 million texts, half a day on two cores and 12 GB of cache. It goes on where it was interrupted.
table-robustness-tatoeba *options:
    cargo run --release -- data fetch tatoeba multilingual-e5-small-q4
    cargo run --release -- robustness --model multilingual-e5-small-q4 --data tatoeba --languages xtreme-r --perturb {{perturbations}} --query-prefix "query: " --corpus-prefix "query: " --output target/robustness-tatoeba {{options}}

# The same on LAReQA: by estimate 3 million texts and 4 GB; --limit 200 asks 200 questions of each language.
table-robustness-lareqa *options:
    cargo run --release -- data fetch xquad-r multilingual-e5-small-q4
    cargo run --release -- robustness --model multilingual-e5-small-q4 --data xquad-r --perturb {{perturbations}} --query-prefix "query: " --corpus-prefix "passage: " --output target/robustness-lareqa {{options}}

# The same on AfriQA: by estimate 1 million texts and 2 GB.
table-robustness-afriqa *options:
    cargo run --release -- data fetch afriqa multilingual-e5-small-q4
    cargo run --release -- robustness --model multilingual-e5-small-q4 --data afriqa --perturb {{perturbations}} --query-prefix "query: " --corpus-prefix "passage: " --output target/robustness-afriqa {{options}}

# Make the fixtures anew from their recipe.
fixtures:
    cargo run --release --example make_fixtures

# exp, tanh, erf and log against CORE-MATH over all 2^32 inputs: minutes.
prove-math *functions:
    cargo run --release --example prove_math -- {{functions}}

# Each kernel beside what the processor could do at most: `just bench product`. SNELLEN_ISA forces an instruction set.
bench *filter:
    cargo bench --bench kernels -- {{filter}}

# Snellen beside PyTorch, ONNX Runtime, candle, faer and matrixmultiply: parts and options are in `just bench-peers --help`.
bench-peers *options:
    python3 benches/peers/run.py {{options}}

# Attacks on Tatoeba's queries of ten languages: random edits, the worst of 32, greedy, HotFlip, at budgets 1 to 3; 200 queries each. Resumes.
table-attack-tatoeba model="multilingual-e5-small-q4" languages="swh tgl mar amh jav tel deu fra fin spa":
    #!/usr/bin/env bash
    set -euo pipefail
    data=$(cargo run --release --quiet -- data path tatoeba)
    for language in {{languages}}; do
      out=target/attack/tatoeba/$language
      mkdir -p $out
      cp $data/tatoeba.$language-eng.$language $out/queries.txt
      cp $data/tatoeba.$language-eng.eng $out/english.txt
      echo "$language"
      cargo run --release --quiet -- attack --model {{model}} --queries $out/queries.txt --corpus $out/english.txt --language $language \
        --query-prefix "query: " --corpus-prefix "query: " --method random,worst,greedy,hotflip --limit 200 --output $out/found
    done

# The same on AfriQA's test questions.
table-attack-afriqa model="multilingual-e5-small-q4" languages="bem hau swa yor zul":
    #!/usr/bin/env bash
    set -euo pipefail
    data=$(cargo run --release --quiet -- data path afriqa)
    for language in {{languages}}; do
      cargo run --release --quiet -- attack --model {{model}} --queries $data/queries.$language.tsv --corpus $data/corpus.en.tsv --qrels $data/qrels.$language.txt \
        --language $language --query-prefix "query: " --corpus-prefix "passage: " --method random,worst,greedy,hotflip --limit 200 --output target/attack/afriqa/$language
    done

# A table in shards on a Slurm cluster: `just slurm lareqa 16` is `just table-lareqa` on 16 machines. Again: only what is not done.
slurm table="lareqa" shards="8":
    contrib/slurm/submit target/slurm/{{table}} {{shards}} {{just_executable()}} table-{{table}}

# On a machine with an NVIDIA card: bits against the processors, NVIDIA's sanitizer, speeds beside PyTorch. PYTHON=... names a Python with torch for CUDA.
gpu-check card="0":
    benches/gpu-check {{card}}

# The question that started it: students with and without adversarial training, and what became of them. By estimate five hours on two cores; every part goes on where it was interrupted. `just experiment "ot adversarial" "1 2 3"` makes some.
experiment conditions="zero-shot pooled greedy ot noise adversarial consistency" seeds="1 2 3":
    #!/usr/bin/env bash
    set -euo pipefail
    cargo build --release --quiet
    target/release/snellen data fetch tatoeba xquad-r multilingual-e5-small-q4
    target/release/snellen data verify afriqa ntrex tico19 hornmt afriqa-questions
    for seed in {{seeds}}; do
      for condition in {{conditions}}; do
        case $condition in ot | noise | adversarial | consistency) ;; *) [ "$seed" = 1 ] || continue ;; esac
        experiments/run "$condition" "$seed"
      done
    done

# What one change does to the student of OT, one seed each; after `just experiment`.
experiment-ablations conditions="tokens layer-8 bitext-25 bitext-200 epsilon-0.02 epsilon-0.5 ipot exact fgsm pgd-4 radius-0.05":
    {{just_executable()}} experiment "{{conditions}}" 1

# The tables of the students that are there, and what became of the experiment's claims.
experiment-tables:
    cargo build --release --quiet
    python3 experiments/collect.py
    python3 experiments/report.py

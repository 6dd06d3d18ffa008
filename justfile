# Each recipe is a line or two over the program itself: nobody needs just to get a result.

# List the recipes.
default:
    @just --list

# What CI runs.
ci:
    bash .ci/run

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

//! Token flips that gradients propose.

use std::collections::BTreeMap;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, s};
use unicode_script::{Script, UnicodeScript as _};

use super::search::State;
use super::victim::{Standing, Victim};
use crate::Result;
use crate::encoder::{Located, Model, Piece, Tokens};
use crate::retrieval::Hit;
use crate::retrieval::dense::Search;

/// Pieces whose embeddings are in memory together.
const PIECES: usize = 4096;

/// How many proposals are written out for each candidate wanted: many do not survive being read again.
const SPARE: usize = 4;

/// Pieces can stand for each other that are written in one script and all begin words, or all do not.
type Group = (&'static str, bool);

/// A vocabulary's pieces of letters.
pub struct Flips {
    pieces: Vec<Option<Piece>>,
    groups: BTreeMap<Group, Vec<u32>>,
}

/// A token of a text that could be another.
struct Place {
    /// Which of the texts.
    text: usize,
    /// Which of its tokens.
    token: usize,
}

/// A flip: at `place` the piece `id`, by which the loss is estimated to grow so much.
struct Proposal {
    growth: f32,
    token: usize,
    id: u32,
}

impl Flips {
    /// Of a model's vocabulary.
    ///
    /// # Errors
    /// As [`Model::pieces`].
    pub fn of(model: &Model) -> Result<Self> {
        let pieces = model.pieces()?;
        let mut groups: BTreeMap<Group, Vec<u32>> = BTreeMap::new();
        for (id, piece) in (0..).zip(&pieces) {
            if let Some(group) = piece.as_ref().and_then(group) {
                groups.entry(group).or_default().push(id);
            }
        }
        Ok(Self { pieces, groups })
    }

    /// For each state at most `most` texts with one more token exchanged, those first that are estimated to hurt most: the growth of the loss is, to first order,
    /// (new − old embedding) · gradient.
    pub(super) fn candidates(&self, victim: &Victim<'_>, states: &[&State], most: usize) -> Result<Vec<Vec<State>>> {
        let texts: Vec<&str> = states.iter().map(|state| state.text.as_str()).collect();
        let located = victim.model().locate(&victim.recipe().prefix, &texts)?;
        let standings: Vec<Standing> = states.iter().map(|state| state.standing).collect();
        let tokens = Tokens::from(&located[..]);
        let slopes = victim.slopes(&located, &tokens, &standings, None)?.words;
        let proposals = self.proposals(victim, &located, &tokens, &slopes, most)?;
        self.survivors(victim, states, &located, proposals, most)
    }

    /// The best flips of each text, best first.
    fn proposals(
        &self,
        victim: &Victim<'_>,
        located: &[Located],
        tokens: &Tokens,
        slopes: &Array2<f32>,
        most: usize,
    ) -> Result<Vec<Vec<Proposal>>> {
        let mut proposals: Vec<Vec<Proposal>> = located.iter().map(|_| Vec::new()).collect();
        for (group, places) in self.places(located) {
            let ids = &self.groups[&group];
            let rows: Vec<usize> = places.iter().map(|place| tokens.offsets()[place.text] + place.token).collect();
            let asked = slopes.select(Axis(0), &rows);
            let now: Vec<u32> = places.iter().map(|place| located[place.text].ids[place.token]).collect();
            let embeddings = victim.model().word_embeddings(&now)?;
            let found = best(victim.model(), ids, asked.view(), most, false)?;
            for (i, (place, hits)) in places.iter().zip(found).enumerate() {
                let before = inner(asked.row(i), embeddings.row(i));
                let flips = hits.into_iter().map(|hit| (hit.score - before, ids[hit.document]));
                let flips = flips.filter(|(_, id)| *id != now[i]);
                let of_place = flips.map(|(growth, id)| Proposal { growth, token: place.token, id });
                proposals[place.text].extend(of_place);
            }
        }
        for proposals in &mut proposals {
            let key = |p: &Proposal| (p.token, p.id);
            proposals.sort_by(|a, b| b.growth.total_cmp(&a.growth).then(key(a).cmp(&key(b))));
            proposals.truncate(SPARE * most);
        }
        Ok(proposals)
    }

    /// The tokens of texts that could be others, by the group that those are of.
    fn places(&self, located: &[Located]) -> BTreeMap<Group, Vec<Place>> {
        let mut places: BTreeMap<Group, Vec<Place>> = BTreeMap::new();
        for (text, found) in located.iter().enumerate() {
            for token in found.own() {
                if let Some(group) = self.pieces[found.ids[token] as usize].as_ref().and_then(group) {
                    places.entry(group).or_default().push(Place { text, token });
                }
            }
        }
        places
    }

    /// The texts with those tokens exchanged that could be others: for the pieces, of their groups, whose embeddings are nearest to `points`, a row a token of all
    /// texts. Nobody asks whether a text would be read as these tokens.
    pub(super) fn nearest(&self, model: &Model, located: &[Located], points: &Array2<f32>) -> Result<Vec<Located>> {
        let mut exchanged = located.to_vec();
        let tokens = Tokens::from(located);
        for (group, places) in self.places(located) {
            let ids = &self.groups[&group];
            let rows: Vec<usize> = places.iter().map(|place| tokens.offsets()[place.text] + place.token).collect();
            // |x − e|² is least where x·e − |e|²/2 is largest: an inner product with one more number on each side.
            let mut asked = Array2::ones((rows.len(), points.ncols() + 1));
            asked.slice_mut(s![.., ..points.ncols()]).assign(&points.select(Axis(0), &rows));
            let found = best(model, ids, asked.view(), 1, true)?;
            for (place, hits) in places.iter().zip(found) {
                exchanged[place.text].ids[place.token] = ids[hits[0].document];
            }
        }
        Ok(exchanged)
    }

    /// Of the proposals those that survive: the text is read again as just these tokens.
    fn survivors(
        &self,
        victim: &Victim<'_>,
        states: &[&State],
        located: &[Located],
        proposals: Vec<Vec<Proposal>>,
        most: usize,
    ) -> Result<Vec<Vec<State>>> {
        let written = |(text, proposals): (usize, &Vec<Proposal>)| {
            let texts = proposals.iter().map(|flip| self.write(&states[text].text, &located[text], flip));
            texts.collect::<Vec<String>>()
        };
        let texts: Vec<Vec<String>> = proposals.iter().enumerate().map(written).collect();
        let read = victim.model().locate(&victim.recipe().prefix, &texts.concat())?;
        let mut read = read.into_iter();
        let mut all = Vec::with_capacity(states.len());
        for (text, (proposals, texts)) in proposals.iter().zip(texts).enumerate() {
            let mut kept = Vec::new();
            for (flip, text_now) in proposals.iter().zip(texts) {
                let found = read.next().expect("each text was read");
                let mut wanted = located[text].ids.clone();
                wanted[flip.token] = flip.id;
                if found.ids == wanted && kept.len() < most {
                    kept.push(State { text: text_now, edits: states[text].edits + 1, ..*states[text] });
                }
            }
            all.push(kept);
        }
        Ok(all)
    }

    /// The text with a flip. A blank before a token that begins a word stays.
    fn write(&self, text: &str, located: &Located, flip: &Proposal) -> String {
        let place = located.places[flip.token].clone().expect("only tokens of the text are exchanged");
        let piece = self.pieces[flip.id as usize].as_ref().expect("of a group");
        let old = &text[place.clone()];
        let blank = &old[..old.len() - old.trim_start().len()];
        [&text[..place.start], blank, &piece.text, &text[place.end..]].concat()
    }
}

/// The `most` pieces with the largest inner product for each row of `asked`; with `lengths`, each embedding e has −|e|²/2 for one more number.
fn best(model: &Model, ids: &[u32], asked: ArrayView2<'_, f32>, most: usize, lengths: bool) -> Result<Vec<Vec<Hit>>> {
    let mut search = Search::of(asked, most)?;
    for part in ids.chunks(PIECES) {
        let mut embeddings = model.word_embeddings(part)?;
        if lengths {
            let numbers: Array1<f32> = embeddings.rows().into_iter().map(|e| -0.5 * inner(e, e)).collect();
            embeddings.push_column(numbers.view()).expect("a number a row");
        }
        search.add(embeddings.view())?;
    }
    Ok(search.finish())
}

/// The script and place of a piece of nothing but letters and their marks.
fn group(piece: &Piece) -> Option<Group> {
    let common = |script: Script| matches!(script, Script::Common | Script::Inherited | Script::Unknown);
    let script = piece.text.chars().next().filter(|first| first.is_alphabetic())?.script();
    let fits = |c: char| c.script() == script || c.script() == Script::Inherited;
    (!common(script) && piece.text.chars().all(fits)).then(|| (script.full_name(), piece.begins))
}

/// The inner product, in 32 lanes.
fn inner(a: ArrayView1<'_, f32>, b: ArrayView1<'_, f32>) -> f32 {
    let products: Vec<f32> = a.iter().zip(b).map(|(x, y)| x * y).collect();
    crate::kernel::rows::sum(&products)
}

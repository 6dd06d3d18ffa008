//! Keyboards: letters as they lie, row by row, each row half a key to the right of the row above it. `_` is a key that types no letter by itself
//! (punctuation, a mark, two letters). Only what is beside a letter matters here, so that rows of digits and keys for marks are left out.

/// A keyboard.
pub(super) struct Layout {
    /// How it is called.
    pub(super) name: &'static str,
    /// Whose it is, as ISO 639-1 and 639-3 have them; none: the keyboard of its letters wherever a language's own has them not.
    pub(super) languages: &'static [&'static str],
    /// Rows without and with the shift key; one part for scripts with case.
    pub(super) layers: &'static [&'static [&'static str]],
}

const fn layout(
    name: &'static str,
    languages: &'static [&'static str],
    layers: &'static [&'static [&'static str]],
) -> Layout {
    Layout { name, languages, layers }
}

/// Of two keyboards that have a letter the first counts.
#[rustfmt::skip]
pub(super) const LAYOUTS: &[Layout] = &[
    // Of languages.
    layout("German", &["de", "deu"], &[&["qwertzuiopü", "asdfghjklöä", "yxcvbnm"]]),
    layout("Czech", &["cs", "ces"], &[&["qwertzuiopú", "asdfghjklů", "yxcvbnm"]]),
    layout("Slovak", &["sk", "slk"], &[&["qwertzuiopúä", "asdfghjklô", "yxcvbnm"]]),
    layout("Hungarian", &["hu", "hun"], &[&["qwertzuiopőú", "asdfghjkléáű", "yxcvbnm"]]),
    layout("Croatian", &["hr", "hrv", "bs", "bos", "sl", "slv"], &[&["qwertzuiopšđ", "asdfghjklčćž", "yxcvbnm"]]),
    layout("Albanian", &["sq", "sqi"], &[&["qwertzuiopç", "asdfghjklë", "yxcvbnm"]]),
    layout("French", &["fr", "fra"], &[&["azertyuiop", "qsdfghjklmù", "wxcvbn"]]),
    layout("Spanish", &["es", "spa", "gl", "glg", "eu", "eus"], &[&["qwertyuiop", "asdfghjklñ", "zxcvbnm"]]),
    layout("Portuguese", &["pt", "por", "ca", "cat"], &[&["qwertyuiop", "asdfghjklç", "zxcvbnm"]]),
    layout("Italian", &["it", "ita"], &[&["qwertyuiopè", "asdfghjklòà", "zxcvbnm"]]),
    layout("Turkish Q", &["tr", "tur"], &[&["qwertyuıopğü", "asdfghjklşi", "zxcvbnmöç"]]),
    layout("Swedish", &["sv", "swe", "fi", "fin"], &[&["qwertyuiopå", "asdfghjklöä", "zxcvbnm"]]),
    layout("Danish", &["da", "dan"], &[&["qwertyuiopå", "asdfghjklæø", "zxcvbnm"]]),
    layout("Norwegian", &["no", "nor", "nb", "nob", "nn", "nno"], &[&["qwertyuiopå", "asdfghjkløæ", "zxcvbnm"]]),
    layout("Estonian", &["et", "est"], &[&["qwertyuiopüõ", "asdfghjklöä", "zxcvbnm"]]),
    layout("Ukrainian", &["uk", "ukr"], &[&["йцукенгшщзхї", "фівапролджє", "ячсмитьбю"]]),
    layout("Belarusian", &["be", "bel"], &[&["йцукенгшўзх", "фывапролджэ", "ячсмітьбю"]]),
    layout("Bulgarian", &["bg", "bul"], &[&["_уеишщксдзц", "ьяаожгтнвмч", "юйъэфхпрлб"]]),
    layout("Serbian", &["sr", "srp"], &[&["љњертзуиопшђ", "асдфгхјклчћж", "ѕџцвбнм"]]),
    layout("Macedonian", &["mk", "mkd"], &[&["љњертѕуиопшѓ", "асдфгхјклчќж", "зџцвбнм"]]),
    layout("Persian", &["fa", "fas", "pes"], &[&["ضصثقفغعهخحجچ", "شسیبلاتنمکگ", "ظطزرذدپو"]]),
    // Of scripts.
    layout("QWERTY", &[], &[&["qwertyuiop", "asdfghjkl", "zxcvbnm"]]),
    layout("Russian", &[], &[&["йцукенгшщзхъ", "фывапролджэ", "ячсмитьбю"]]),
    layout("Greek", &[], &[&["_ςερτυθιοπ", "ασδφγηξκλ", "ζχψωβνμ"]]),
    layout("Hebrew", &[], &[&["__קראטוןםפ", "שדגכעיחלךף", "זסבהנמצתץ"]]),
    layout("Arabic 101", &[], &[&["ضصثقفغعهخحجد", "شسيبلاتنمكط", "ئءؤر_ىةوزظ"]]),
    layout("Armenian", &[], &[&["խւէրտեըիոպչջ", "ասդֆքհճկլթփ", "զցգվբնմշղծ"]]),
    layout("Georgian", &[], &[&["ქწერტყუიოპ", "ასდფგჰჯკლ", "ზხცვბნმ"], &["_ჭ_ღთ_____", "_შ____ჟ__", "ძ_ჩ____"]]),
    // The other scripts of India are parallel: see `keyboard`. Vowel signs are keys here and marks in Unicode: they are left as they are.
    layout("Devanagari InScript", &[], &[&["_____बहगदजड", "_____परकतचट", "__मनवलस__य"], &["औऐआईऊभङघधझढञ", "ओएअइउफऱखथछठ", "ऎ_णऩऴळशष__"]]),
    layout("Thai Kedmanee", &[], &[
        &["ๆไ_พะ__รนยบล", "ฟหกดเ__าสวง", "ผปแอ__ทมใฝ"],
        &["__ฎฑธ__ณฯญฐ_", "ฤฆฏโฌ__ษศซ_", "__ฉฮ___ฒฬฦ"],
    ]),
    layout("Dubeolsik", &[], &[&["ㅂㅈㄷㄱㅅㅛㅕㅑㅐㅔ", "ㅁㄴㅇㄹㅎㅗㅓㅏㅣ", "ㅋㅌㅊㅍㅠㅜㅡ"]]),
];

//! Seals and sealed documents. What can be sealed is sealed here with fixed keys, and read again.

mod ofd;
mod pdf;
mod picture;
mod ses;
mod text;
pub(crate) mod world;

use seal::fuzzing;

pub(super) use ofd::document as ofd;
pub(crate) use ofd::{base, seed_script, unpack};
pub(super) use pdf::document as pdf;
pub(super) use picture::any as picture;
pub(super) use ses::any as ses;
pub(crate) use ses::seal_v1;
pub(super) use text::any as text;

/// XML and what stands in it, by the first byte: a whole file, the content of a page, an outline, the places of characters, a
/// path, a moment.
pub(super) fn xml(data: &[u8]) -> bool {
    let Some((kind, rest)) = data.split_first() else { return false };
    match kind {
        b'x' => fuzzing::xml(rest),
        b'p' => fuzzing::page(rest).is_some(),
        b'o' => {
            let outline = format!("<AbbreviatedData>{}</AbbreviatedData>", text_of(rest));
            object(&format!("<PathObject ID=\"9\" Boundary=\"1 1 50 50\">{outline}</PathObject>"))
        }
        b'd' => {
            let (right, down) = halves(rest);
            let code = format!(
                "<TextCode X=\"0\" Y=\"7\" DeltaX=\"{right}\" DeltaY=\"{down}\">投标人盖章</TextCode>"
            );
            object(&format!(
                "<TextObject ID=\"9\" Boundary=\"1 1 50 50\" Font=\"2\" Size=\"8\">{code}</TextObject>"
            ))
        }
        b'l' => fuzzing::place(rest),
        b't' => fuzzing::time(rest),
        _ => false,
    }
}

/// One object on a page is read as one, whatever its numbers are.
fn object(object: &str) -> bool {
    let page = format!("<Page><Content><Layer ID=\"1\">{object}</Layer></Content></Page>");
    assert!(fuzzing::page(page.as_bytes()).is_some_and(|count| count <= 1), "{page}");
    true
}

/// Text that XML takes as it is.
fn text_of(bytes: &[u8]) -> String {
    let special = |c: char| matches!(c, '<' | '&' | '"' | '>');
    String::from_utf8_lossy(bytes).replace(special, " ")
}

fn halves(bytes: &[u8]) -> (String, String) {
    let text = text_of(bytes);
    text.split_once('\n').map_or_else(|| (text.clone(), String::new()), |(a, b)| (a.to_owned(), b.to_owned()))
}

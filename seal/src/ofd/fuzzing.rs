//! The readers of this module for the fuzz targets: see `crate::fuzzing`.

use super::content::{Builder, MAX_OBJECTS, Object};
use super::matrix::{self, Matrix};
use super::path::{directory, resolve};
use super::resources::Resources;
use super::text;
use super::xml::{self, Element};
use crate::geometry::Rect;

pub(crate) fn xml(data: &[u8]) -> bool {
    let Ok(tree) = xml::parse(data) else { return false };
    let mut all = Vec::new();
    collect(&tree.root, &mut all);
    for element in &all {
        let (outer, inner) = (&element.outer, &element.inner);
        assert!(outer.start < outer.end && outer.end <= data.len(), "outside of the file");
        assert!(
            outer.start < inner.start && inner.start <= inner.end && inner.end <= outer.end,
            "not inside"
        );
        assert!(data.get(outer.start) == Some(&b'<') && data.get(outer.end - 1) == Some(&b'>'), "not a tag");
        let within = |child: &Element| inner.start <= child.outer.start && child.outer.end <= inner.end;
        assert!(element.children.iter().all(within), "a child outside of its parent");
        let apart = |pair: &[Element]| matches!(pair, [one, next] if one.outer.end <= next.outer.start);
        assert!(element.children.windows(2).all(apart), "children inside of each other");
    }
    assert!(tree.root.weight() <= data.len(), "more text than there is");
    // The first element with text of its own only, written anew.
    let writable = |element: &&&Element| {
        element.children.is_empty() && !element.is_one_tag() && !element.text.chars().any(char::is_control)
    };
    if let Some(element) = all.iter().find(writable) {
        let (before, after) = (data.get(..element.inner.start), data.get(element.inner.end..));
        let text = xml::escape(&element.text);
        let edited = [before.unwrap_or_default(), text.as_bytes(), after.unwrap_or_default()].concat();
        let again = xml::parse(&edited).map(|tree| tree.root);
        let mut others = Vec::new();
        if let Ok(root) = &again {
            collect(root, &mut others);
        }
        let said = |all: &[&Element]| -> Vec<(String, String)> {
            all.iter().map(|element| (element.qualified.clone(), element.text.clone())).collect()
        };
        assert_eq!(said(&others), said(&all), "an edit changed something else");
    }
    true
}

fn collect<'a>(element: &'a Element, all: &mut Vec<&'a Element>) {
    all.push(element);
    for child in &element.children {
        collect(child, all);
    }
}

pub(crate) fn page(data: &[u8], area: Rect) -> Option<usize> {
    let tree = xml::parse(data).ok()?;
    let mut builder = Builder::new(area);
    builder.page(&tree.root, &Resources::default()).ok()?;
    let page = builder.finish();
    let objects: Vec<&Object> = page.layers.iter().flat_map(|layer| &layer.objects).collect();
    assert!(objects.len() <= MAX_OBJECTS, "more objects than there may be");
    // A hit is no larger than all the text.
    let characters = text::characters(&page);
    let word: String = characters.iter().map(|character| character.character).take(8).collect();
    let hits = crate::text::find([characters.as_slice()], &word).unwrap_or_default();
    assert!(hits.len() <= characters.len(), "more hits than characters");
    Some(objects.len())
}

pub(crate) fn place(data: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(data) else { return false };
    if let Some(matrix) = Matrix::parse(text) {
        assert!(matrix.numbers.iter().all(|number| number.is_finite()), "a number that is none");
    }
    assert!(matrix::number(text).is_none_or(f64::is_finite), "a number that is none");
    let (base, place) = text.split_once('\n').unwrap_or(("/OFD.xml", text));
    // A base is a path that was resolved before.
    let Ok(base) = resolve("/", base) else { return false };
    let Ok(path) = resolve(&base, place) else { return false };
    assert!(path.starts_with('/') && !path.ends_with('/'), "no path of a file");
    let parts = || path.split('/').skip(1);
    assert!(parts().all(|part| !matches!(part, "" | "." | "..")), "a way out of the package");
    assert!(path.starts_with(directory(&path)), "a directory of its own");
    // White space at the end of a place does not count.
    let own = path.trim_end() == path;
    assert!(!own || resolve("/other/base", &path) == Ok(path.clone()), "a path resolves to itself");
    true
}

//! Keywords.

use std::collections::HashSet;

use super::Character;
use super::fold::fold;
use super::lines::reading_order;
use crate::error::Error;
use crate::geometry::Rect;
use crate::place::Hit;

/// Most characters of a keyword.
pub const MAX_KEYWORD: usize = 200;
/// Most hits in a document.
pub const MAX_HITS: usize = 100_000;

/// Widest gap inside of a keyword on one line, in sizes of the font: letters of headings and of forms stand far apart.
const WIDEST_GAP: f64 = 8.0;
/// Furthest line on which a keyword goes on, in sizes of the font from baseline to baseline.
const FURTHEST_LINE: f64 = 2.5;

/// Where a keyword stands on pages, in reading order. Each page is its characters in the order in which the document has
/// them.
///
/// The keyword is looked for in the order of the lines and then in the order of the document, so that it is found wherever
/// one of them is what people read. White space does not count, neither in the keyword nor on the page, and characters that look
/// alike are the same: full-width forms and narrow ones, radicals and ideographs. A keyword may go on in the next
/// line; the area is then around the larger part, the first one of equal ones. Hits do not overlap.
///
/// # Errors
/// [`Error::Unusable`]: an empty keyword; [`Error::TooLarge`]: longer than [`MAX_KEYWORD`], or more than [`MAX_HITS`].
pub fn find<'a>(pages: impl IntoIterator<Item = &'a [Character]>, keyword: &str) -> Result<Vec<Hit>, Error> {
    let keyword: Vec<char> = keyword.chars().filter_map(fold).take(MAX_KEYWORD + 1).collect();
    if keyword.is_empty() {
        return Err(Error::Unusable("a keyword of nothing but white space"));
    }
    if keyword.len() > MAX_KEYWORD {
        return Err(Error::TooLarge("characters of a keyword"));
    }
    let mut hits = Vec::new();
    for (page, characters) in pages.into_iter().enumerate() {
        hits.extend(on_page(characters, &keyword).into_iter().map(|area| Hit { page, area }));
        if hits.len() > MAX_HITS {
            return Err(Error::TooLarge("hits of a keyword"));
        }
    }
    Ok(hits)
}

fn on_page(characters: &[Character], keyword: &[char]) -> Vec<Rect> {
    let seen: Vec<Character> = characters
        .iter()
        .filter_map(|character| Some(Character { character: fold(character.character)?, ..*character }))
        .collect();
    let lines = reading_order(&seen);
    let mut taken = HashSet::new();
    let mut hits = Vec::new();
    let as_drawn: Vec<usize> = (0..seen.len()).collect();
    for order in [&lines, &as_drawn] {
        let mut at = 0;
        while let Some(indices) = order.get(at..).and_then(|rest| rest.get(..keyword.len())) {
            if stands(&seen, indices, keyword) && !indices.iter().any(|index| taken.contains(index)) {
                taken.extend(indices.iter().copied());
                hits.push(indices.to_vec());
                at += keyword.len();
            } else {
                at += 1;
            }
        }
    }
    let mut ranks = vec![0; seen.len()];
    for (rank, index) in lines.iter().enumerate() {
        if let Some(place) = ranks.get_mut(*index) {
            *place = rank;
        }
    }
    hits.sort_by_key(|indices| indices.iter().filter_map(|index| ranks.get(*index)).min().copied());
    hits.iter().filter_map(|indices| area(&seen, indices)).collect()
}

/// Whether these characters are the keyword and one follows the other.
fn stands(seen: &[Character], indices: &[usize], keyword: &[char]) -> bool {
    let mut previous: Option<&Character> = None;
    indices.iter().zip(keyword).all(|(index, wanted)| {
        seen.get(*index).is_some_and(|character| {
            let follows = previous.is_none_or(|previous| step(previous, character).is_some());
            previous = Some(character);
            character.character == *wanted && follows
        })
    })
}

/// How a character follows another one.
#[derive(PartialEq)]
enum Step {
    /// On the same line, or right below in text of one character a line.
    Near,
    /// On the next line.
    Wrap,
}

fn step(from: &Character, to: &Character) -> Option<Step> {
    let size = from.size.max(to.size);
    let (along, down) = from.to(to);
    if down.abs() <= size / 2.0 {
        return (along > -size / 4.0 && along <= WIDEST_GAP * size).then_some(Step::Near);
    }
    if down < 0.0 || down > FURTHEST_LINE * size || along > size {
        return None;
    }
    Some(if along.abs() <= size { Step::Near } else { Step::Wrap })
}

/// Around the largest part of a hit that is not broken by the end of a line.
fn area(seen: &[Character], indices: &[usize]) -> Option<Rect> {
    let mut parts: Vec<Vec<&Character>> = Vec::new();
    for character in indices.iter().filter_map(|index| seen.get(*index)) {
        match parts.last_mut() {
            Some(part) if part.last().is_some_and(|last| step(last, character) == Some(Step::Near)) => {
                part.push(character);
            }
            _ => parts.push(Vec::from([character])),
        }
    }
    let longest = parts.iter().map(Vec::len).max()?;
    let part = parts.iter().find(|part| part.len() == longest)?;
    part.iter().map(|character| character.area).reduce(|a, b| {
        let (x, y) = (a.x.min(b.x), a.y.min(b.y));
        let right = (a.x + a.width).max(b.x + b.width);
        let bottom = (a.y + a.height).max(b.y + b.height);
        Rect { x, y, width: right - x, height: bottom - y }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Characters of 10 mm at these places of their baselines.
    fn page(text: &[(char, f64, f64)]) -> Vec<Character> {
        let place = |&(character, x, y): &(char, f64, f64)| Character {
            character,
            area: Rect { x, y: y - 8.8, width: 10.0, height: 10.0 },
            size: 10.0,
            along: (1.0, 0.0),
            base: (x, y),
        };
        text.iter().map(place).collect()
    }

    fn areas(characters: &[Character], keyword: &str) -> Vec<(f64, f64, f64)> {
        let hits = find([characters], keyword).unwrap();
        hits.iter().map(|hit| (hit.area.x, hit.area.y + 8.8, hit.area.width)).collect()
    }

    #[test]
    fn a_keyword_is_found_in_any_order_of_drawing() {
        let drawn = page(&[('方', 40.0, 20.0), ('乙', 10.0, 50.2), ('甲', 10.0, 20.1), ('方', 20.0, 50.0)]);
        assert_eq!(areas(&drawn, "甲方"), [(10.0, 20.0, 40.0)]);
        assert_eq!(areas(&drawn, "乙 方"), [(10.0, 50.0, 20.0)]);
        assert_eq!(areas(&drawn, "方"), [(40.0, 20.0, 10.0), (20.0, 50.0, 10.0)]);
        assert!(areas(&drawn, "方甲").is_empty() && areas(&drawn, "丙").is_empty());
    }

    #[test]
    fn hits_do_not_overlap_and_come_in_reading_order() {
        let drawn = page(&[
            ('a', 0.0, 90.0),
            ('a', 10.0, 90.0),
            ('a', 20.0, 90.0),
            ('a', 5.0, 20.0),
            ('a', 15.0, 20.0),
        ]);
        assert_eq!(areas(&drawn, "aa"), [(5.0, 20.0, 20.0), (0.0, 90.0, 20.0)]);
    }

    #[test]
    fn a_keyword_goes_on_in_the_next_line_only() {
        let broken = page(&[('公', 150.0, 20.0), ('章', 10.0, 35.0), ('处', 20.0, 35.0)]);
        assert_eq!(areas(&broken, "公章"), [(150.0, 20.0, 10.0)]);
        assert_eq!(areas(&broken, "公章处"), [(10.0, 35.0, 20.0)]);
        let far = page(&[('公', 150.0, 20.0), ('章', 10.0, 46.0)]);
        assert!(areas(&far, "公章").is_empty());
        let cells = page(&[('公', 10.0, 20.0), ('章', 101.0, 20.0)]);
        assert!(areas(&cells, "公章").is_empty());
        let beside = page(&[('公', 10.0, 20.0), ('章', 31.0, 35.0)]);
        assert!(areas(&beside, "公章").is_empty());
        let above = page(&[('公', 10.0, 50.0), ('章', 20.0, 20.0)]);
        assert!(areas(&above, "公章").is_empty());
    }

    #[test]
    fn one_character_a_line_is_one_area() {
        let stacked = page(&[('公', 10.0, 20.0), ('章', 10.0, 35.0)]);
        let hits = find([stacked.as_slice()], "公章").unwrap();
        let expected = Rect { x: 10.0, y: 11.2, width: 10.0, height: 25.0 };
        assert!((hits[0].area.y - expected.y).abs() < 1e-9 && (hits[0].area.height - 25.0).abs() < 1e-9);
        assert_eq!(hits[0].area.x, expected.x);
    }

    #[test]
    fn keywords_are_bounded() {
        assert_eq!(find([], " \u{3000}"), Err(Error::Unusable("a keyword of nothing but white space")));
        assert_eq!(find([], &"x".repeat(MAX_KEYWORD)), Ok(vec![]));
        assert_eq!(find([], &"x".repeat(MAX_KEYWORD + 1)), Err(Error::TooLarge("characters of a keyword")));
        let many = page(&vec![('x', 0.0, 0.0); MAX_HITS + 1]);
        assert_eq!(find([many.as_slice()], "x"), Err(Error::TooLarge("hits of a keyword")));
    }
}

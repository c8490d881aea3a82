//! Which pages.

use core::str::FromStr;

use crate::error::Error;

/// A choice of pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pages {
    /// Every one.
    All,
    /// The 1st, the 3rd, and so on.
    Odd,
    /// The 2nd, the 4th, and so on.
    Even,
    /// Ranges of pages from 1, both ends included, in ascending order and without overlap. The end `None` is the last page.
    Ranges(Vec<(usize, Option<usize>)>),
    /// The last one.
    Last,
}

impl Pages {
    /// One page, from 1.
    #[must_use]
    pub fn one(page: usize) -> Self {
        Self::Ranges(Vec::from([(page, Some(page))]))
    }

    /// Those of a document of `count` pages, from 0, ascending.
    ///
    /// # Errors
    /// [`Error::Unusable`]: none, or one that is not there.
    pub fn of(&self, count: usize) -> Result<impl Iterator<Item = usize> + Clone + use<>, Error> {
        let ranges = match self {
            Self::All => Vec::from([(0, count, 1)]),
            Self::Odd => Vec::from([(0, count, 2)]),
            Self::Even => Vec::from([(1, count, 2)]),
            Self::Last => Vec::from([(count.saturating_sub(1), count, 1)]),
            Self::Ranges(ranges) => {
                let mut found = Vec::new();
                let mut after = 0;
                for (first, last) in ranges {
                    let end = last.unwrap_or(count);
                    if *first <= after || end < *first || end > count {
                        return Err(Error::Unusable("a page that is not there, or not in order"));
                    }
                    found.push((first - 1, end, 1));
                    after = end;
                }
                found
            }
        };
        let pages = ranges.into_iter().flat_map(|(first, end, step)| (first..end).step_by(step));
        match pages.clone().next() {
            Some(_) => Ok(pages),
            None => Err(Error::Unusable("no page is chosen")),
        }
    }
}

impl FromStr for Pages {
    type Err = Error;

    /// `all`, `odd`, `even`, `last`, or pages and ranges such as `1,3-5,8-`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let number = |text: &str| match text.parse() {
            Ok(number) if number > 0 => Ok(number),
            _ => Err(Error::Unusable("pages are all, odd, even, last, or such as 1,3-5,8-")),
        };
        match text {
            "all" => return Ok(Self::All),
            "odd" => return Ok(Self::Odd),
            "even" => return Ok(Self::Even),
            "last" => return Ok(Self::Last),
            _ => {}
        }
        let range = |part: &str| match part.split_once('-') {
            None => number(part).map(|page| (page, Some(page))),
            Some((first, "")) => Ok((number(first)?, None)),
            Some((first, last)) => Ok((number(first)?, Some(number(last)?))),
        };
        text.split(',').map(range).collect::<Result<_, _>>().map(Self::Ranges)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_read_and_counted_out() {
        let of = |text: &str, count| {
            text.parse::<Pages>().and_then(|pages| Ok(pages.of(count)?.collect::<Vec<_>>()))
        };
        assert_eq!(of("all", 3), Ok(vec![0, 1, 2]));
        assert_eq!(of("odd", 5), Ok(vec![0, 2, 4]));
        assert_eq!(of("even", 5), Ok(vec![1, 3]));
        assert_eq!(of("last", 5), Ok(vec![4]));
        assert_eq!(of("1,3-4,6-", 7), Ok(vec![0, 2, 3, 5, 6]));
        assert_eq!(Pages::one(2).of(2).map(Iterator::collect), Ok(vec![1]));
        for text in ["", "0", "1,1", "3-2", "2-3,3", "x", "1,", "-3", "1--2", "All"] {
            assert!(of(text, 9).is_err(), "{text}");
        }
        for (text, count) in [("4", 3), ("2-4", 3), ("4-", 3), ("even", 1), ("all", 0), ("last", 0)] {
            assert!(of(text, count).is_err(), "{text} of {count}");
        }
    }
}

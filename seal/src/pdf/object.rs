//! The objects that a PDF is made of.

use core::ops::Range;

/// The name of an indirect object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// Its number, from 1.
    pub number: u32,
    /// Its generation.
    pub generation: u16,
}

/// An object.
#[derive(Clone, Debug, PartialEq)]
pub enum Object {
    /// `null`, and whatever is not there.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number without a point.
    Integer(i64),
    /// A number with a point, or without one and too large for [`Object::Integer`].
    Real(f64),
    /// A name, without its slash and its escapes.
    Name(Vec<u8>),
    /// A string, whichever way it is written.
    String(Vec<u8>),
    /// Objects in order.
    Array(Vec<Self>),
    /// Objects by name.
    Dictionary(Dictionary),
    /// An object that stands elsewhere.
    Reference(Reference),
    /// A dictionary with bytes. Only indirect objects are streams.
    Stream(Stream),
}

/// A dictionary with bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Stream {
    /// The dictionary.
    pub dictionary: Dictionary,
    /// Where the bytes begin in the file.
    pub start: u64,
}

/// Objects by name, in the order of the file. No name is there twice.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dictionary {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    key: Vec<u8>,
    value: Object,
    span: Option<(u64, u64)>,
}

/// Where an object stands is no part of what it is.
impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key && self.value == other.value
    }
}

impl Dictionary {
    /// An empty one.
    #[must_use]
    pub const fn new() -> Self {
        Self { entries: Vec::new() }
    }

    /// The value of a name; `None` also for `null`, which means the same.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Object> {
        self.entry(key).map(|entry| &entry.value).filter(|value| **value != Object::Null)
    }

    /// Where the value of a name stands in the file: from its first byte to behind its last one. `None` if the value is
    /// not there or does not stand in the file as it is, but inside of an object stream or nowhere yet.
    #[must_use]
    pub fn span(&self, key: &str) -> Option<Range<u64>> {
        self.entry(key).and_then(|entry| entry.span).map(|(start, end)| start..end)
    }

    /// Gives a name a value: in the place of its former one, or at the end.
    pub fn set(&mut self, key: &str, value: Object) {
        match self.entries.iter_mut().find(|entry| entry.key == key.as_bytes()) {
            Some(entry) => (entry.value, entry.span) = (value, None),
            None => self.entries.push(Entry { key: key.as_bytes().to_vec(), value, span: None }),
        }
    }

    /// Takes a name out.
    pub fn remove(&mut self, key: &str) {
        self.entries.retain(|entry| entry.key != key.as_bytes());
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &Object)> {
        self.entries.iter().map(|entry| (entry.key.as_slice(), &entry.value))
    }

    /// How many names.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no name.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The value of a name if it is a name.
    #[must_use]
    pub fn name(&self, key: &str) -> Option<&[u8]> {
        self.get(key).and_then(Object::as_name)
    }

    /// The value of a name if it is an integer.
    #[must_use]
    pub fn integer(&self, key: &str) -> Option<i64> {
        self.get(key).and_then(Object::as_integer)
    }

    /// The value of a name if it is a reference.
    #[must_use]
    pub fn reference(&self, key: &str) -> Option<Reference> {
        self.get(key).and_then(Object::as_reference)
    }

    /// Whether `/Type` says this, or nothing.
    #[must_use]
    pub fn is_type(&self, name: &str) -> bool {
        self.get("Type").is_none_or(|kind| kind.as_name() == Some(name.as_bytes()))
    }

    /// How many bytes it takes in memory, about.
    pub(super) fn weight(&self) -> usize {
        self.iter().map(|(key, value)| size_of::<Entry>() + key.len() + value.weight()).sum()
    }

    /// Adds an entry that a parser has read; it sees to it that names are unique.
    pub(super) fn push(&mut self, key: Vec<u8>, value: Object, span: Option<(u64, u64)>) {
        self.entries.push(Entry { key, value, span });
    }

    /// Whether a name is there twice.
    pub(super) fn has_duplicates(&self) -> bool {
        let mut keys: Vec<&[u8]> = self.entries.iter().map(|entry| entry.key.as_slice()).collect();
        keys.sort_unstable();
        keys.windows(2).any(|pair| pair.first() == pair.last())
    }

    fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key.as_bytes())
    }
}

impl<const N: usize> From<[(&str, Object); N]> for Dictionary {
    fn from(entries: [(&str, Object); N]) -> Self {
        let mut dictionary = Self::new();
        for (key, value) in entries {
            dictionary.set(key, value);
        }
        dictionary
    }
}

impl Object {
    /// A name.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        Self::Name(name.as_bytes().to_vec())
    }

    /// As a name.
    #[must_use]
    pub fn as_name(&self) -> Option<&[u8]> {
        if let Self::Name(name) = self { Some(name) } else { None }
    }

    /// As an integer.
    #[must_use]
    pub const fn as_integer(&self) -> Option<i64> {
        if let Self::Integer(integer) = self { Some(*integer) } else { None }
    }

    /// As a number of either kind.
    #[must_use]
    pub const fn as_number(&self) -> Option<f64> {
        match self {
            Self::Integer(integer) => Some(*integer as f64),
            Self::Real(real) => Some(*real),
            _ => None,
        }
    }

    /// As a string.
    #[must_use]
    pub fn as_string(&self) -> Option<&[u8]> {
        if let Self::String(string) = self { Some(string) } else { None }
    }

    /// As an array.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Self]> {
        if let Self::Array(array) = self { Some(array) } else { None }
    }

    /// As a dictionary, also that of a stream.
    #[must_use]
    pub const fn as_dictionary(&self) -> Option<&Dictionary> {
        match self {
            Self::Dictionary(dictionary) | Self::Stream(Stream { dictionary, .. }) => Some(dictionary),
            _ => None,
        }
    }

    /// As a reference.
    #[must_use]
    pub const fn as_reference(&self) -> Option<Reference> {
        if let Self::Reference(reference) = self { Some(*reference) } else { None }
    }

    /// As a stream.
    #[must_use]
    pub const fn as_stream(&self) -> Option<&Stream> {
        if let Self::Stream(stream) = self { Some(stream) } else { None }
    }

    /// How many bytes it takes in memory, about.
    pub(super) fn weight(&self) -> usize {
        let own = match self {
            Self::Name(bytes) | Self::String(bytes) => bytes.len(),
            Self::Array(items) => items.iter().map(Self::weight).sum(),
            Self::Dictionary(dictionary) | Self::Stream(Stream { dictionary, .. }) => dictionary.weight(),
            _ => 0,
        };
        own.saturating_add(size_of::<Self>())
    }
}

impl From<Reference> for Object {
    fn from(reference: Reference) -> Self {
        Self::Reference(reference)
    }
}

impl From<Dictionary> for Object {
    fn from(dictionary: Dictionary) -> Self {
        Self::Dictionary(dictionary)
    }
}

impl From<Vec<Self>> for Object {
    fn from(array: Vec<Self>) -> Self {
        Self::Array(array)
    }
}

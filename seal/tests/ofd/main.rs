//! OFD documents through the public API.

mod fixture;
mod hostile;
mod pages;
mod samples;
mod sealing;
mod structure;

//! PDF files through the public API.

mod samples;

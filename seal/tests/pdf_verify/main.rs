//! Signatures of PDF files: what they cover and what came after them.

mod attacks;
mod benign;
mod build;
mod coverage;
mod facts;
mod property;
mod samples;
mod structure;

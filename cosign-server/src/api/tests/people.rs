//! Who is behind an account, and who may know.

mod methods;
mod reviews;

//! Who is behind an account, and who may know.

mod gate;
mod methods;
mod reviews;

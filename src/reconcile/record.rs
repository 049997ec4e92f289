//! Applying, and writing back what was seen and done.

//! Whole job files, right and wrong, and how faults are shown.

mod rendered;
mod right;
mod wrong;

//! Helpers for the planner's tests.

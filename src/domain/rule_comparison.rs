//! placeholder
use super::rule::RuleGroup;
/// x
pub enum GroupComparison {
    /// x
    Same,
    /// x
    Reordered,
    /// x
    Different {
        /// x
        what: String,
    },
}
/// x
pub fn same_group(a: &RuleGroup, b: &RuleGroup) -> GroupComparison {
    if a == b { GroupComparison::Same } else { GroupComparison::Different { what: String::new() } }
}

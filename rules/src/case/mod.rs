//! The nouns of judgement: findings, the cases they belong to, and the ids of both.

mod audience;
mod finding;
mod notice_stage;
mod open;
mod verdict;

pub use self::audience::Audience;
pub use self::finding::{Evidence, EvidenceFault, EvidenceReading, EvidenceSignal, FindingChange, FindingKey, Opened};
pub use self::notice_stage::NoticeStage;
pub use self::open::{Case, OpenFinding, PastCase, Proposal, case_id, notice_id, order_id, outbox_id, shadow_case_id};
pub use self::verdict::Verdict;

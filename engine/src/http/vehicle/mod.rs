//! One vehicle: its page, plan, forecasts, held readings, explanations, build.

pub mod build;
pub mod explain_page;
pub mod forecast;
pub mod held;
pub mod page;
pub mod plan;
pub mod view;

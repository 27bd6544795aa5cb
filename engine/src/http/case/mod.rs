//! One case as people read it: its evidence, its chart, its titles.

pub mod chart;
pub mod chart_scale;
pub mod titles;
pub mod view;

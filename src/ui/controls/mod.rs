//! Bars, forms and switches around the stage.

pub mod consumer_form;
pub mod help;
pub mod left;
pub mod notices;
pub mod produce_form;
pub mod records;
pub mod time_line;
pub mod top_bar;
pub mod topic_form;
pub mod transport;

//! The stage: nodes in SVG, which change only when something happened, and one canvas over them on
//! which the frames in flight move.

pub mod band;
pub mod broker;
pub mod canvas;
pub mod client;
pub mod flight;
pub mod group;
pub mod layout;
pub mod links;
pub mod menu;
pub mod route;
pub mod tape;
pub mod view;
pub mod walk;

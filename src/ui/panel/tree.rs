//! The znodes of the ZooKeeper server that leads.

use crate::host::protocol::Shown;
use crate::node::ProcessView;
use crate::node::view::ZooKeeperView;
use crate::ui::model::Scene;
use crate::ui::model::partitions::is_alive;
use crate::ui::shared::Shared;
use yew::prelude::*;

/// The tree.
#[derive(Properties, PartialEq)]
pub struct TreeProps {
    /// The newest picture.
    pub shown: Option<Shared<Shown>>,
    /// The scene, to know whose session owns a znode.
    pub scene: Shared<Scene>,
}

/// The tree.
#[component]
pub fn Tree(props: &TreeProps) -> Html {
    let views =
        props.shown.iter().flat_map(|shown| &shown.picture.processes).filter_map(|card| match card
            .view
            .as_deref()
        {
            Some(ProcessView::ZooKeeper(view)) => Some((is_alive(card), view)),
            _ => None,
        });
    let Some((_, view)) = views.max_by_key(|(alive, view)| (*alive, view.last_zxid)) else {
        return html! { <p class="mut">{ "No ZooKeeper server has shown itself yet." }</p> };
    };
    html! { <ol class="lines mono" aria-label="Znodes">{ rows(props, view) }</ol> }
}

fn rows(props: &TreeProps, view: &ZooKeeperView) -> Html {
    let owner = |session: i64| {
        let sessions = &props.scene.zookeeper.sessions;
        sessions
            .iter()
            .find(|row| row.id == session)
            .map_or_else(|| format!("0x{session:x}"), |row| row.owner.clone())
    };
    let rows = view.znodes.iter().map(|znode| {
        let depth = znode.path.matches('/').count().saturating_sub(1);
        html! {
            <li key={znode.path.clone()}>
                <span class="path" style={format!("padding-left:{}px", 12 * depth)}>{ znode.path.clone() }</span>
                if znode.ephemeral_owner != 0 { <span class="tag">{ format!("ephemeral of {}", owner(znode.ephemeral_owner)) }</span> }
                if znode.watches > 0 { <span class="tag">{ format!("{} watches", znode.watches) }</span> }
                <span class="mut data">{ znode.data.clone() }</span>
                <span class="r mut">{ format!("v{}", znode.version) }</span>
            </li>
        }
    });
    html! { { for rows } }
}

//! Where everything stands. Columns from left to right: clients, brokers, groups, with the
//! ZooKeeper band on top; on a narrow screen the same flow runs from top to bottom.

use crate::base::{ProcessId, SortedMap, TopicPartition};
use crate::ui::model::Scene;
use crate::ui::model::groups::{GroupFrame, MemberCard};
use crate::ui::model::tapes::{BrokerCard, Role};

/// Below this width the stage runs from top to bottom.
pub const NARROW: f64 = 700.0;

/// A rectangle in stage pixels.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Rect {
    /// Left.
    pub x: f64,
    /// Top.
    pub y: f64,
    /// Width.
    pub w: f64,
    /// Height.
    pub h: f64,
}

impl Rect {
    /// A rectangle.
    pub fn new(x: f64, y: f64, w: f64, h: f64) -> Self {
        Self { x, y, w, h }
    }

    /// Right edge.
    pub fn right(&self) -> f64 {
        self.x + self.w
    }

    /// Bottom edge.
    pub fn bottom(&self) -> f64 {
        self.y + self.h
    }

    /// Middle from left to right.
    pub fn middle_x(&self) -> f64 {
        self.x + self.w / 2.0
    }

    /// Middle from top to bottom.
    pub fn middle_y(&self) -> f64 {
        self.y + self.h / 2.0
    }
}

/// In which part of the stage a process stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Column {
    /// In the band on top.
    ZooKeeper,
    /// Among producers and admin clients.
    Client,
    /// Among the brokers.
    Broker,
    /// In a group.
    Group,
}

/// Geometry of the tapes, the same on every card.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Tape {
    /// From the card's left edge to the first cell.
    pub start: f64,
    /// From one cell to the next.
    pub pitch: f64,
    /// Width of a cell.
    pub cell: f64,
    /// Cells that fit.
    pub slots: usize,
    /// Height of a leader's row.
    pub lead_row: f64,
    /// Height of any other row.
    pub row: f64,
}

/// Where everything stands.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Layout {
    /// Width of the stage.
    pub width: f64,
    /// Height of the stage; it scrolls when this is more than there is room for.
    pub height: f64,
    /// Whether the flow runs from top to bottom.
    pub narrow: bool,
    /// Geometry of the tapes.
    pub tape: Tape,
    /// The ZooKeeper band.
    pub band: Rect,
    /// The column of the brokers.
    pub brokers: Rect,
    /// Every process on the stage.
    pub nodes: SortedMap<ProcessId, (Column, Rect)>,
    /// Every tape's row.
    pub rows: SortedMap<(ProcessId, TopicPartition), Rect>,
    /// The frame of each group, in the scene's order.
    pub groups: Vec<Rect>,
    /// The place of each member, in the scene's order.
    pub members: Vec<Vec<Rect>>,
    /// The outline that offers a new group.
    pub new_group: Rect,
}

const MARGIN: f64 = 14.0;
const HEADER: f64 = 28.0;
const FOOTER: f64 = 20.0;

impl Layout {
    /// Tape geometry on a stage of that width, known before there is a scene.
    pub fn tape_for(width: f64) -> Tape {
        if width < NARROW {
            let (start, pitch) = (98.0, 16.0);
            let slots = ((width - 2.0 * MARGIN - start - 50.0) / pitch) as usize;
            Tape { start, pitch, cell: 14.0, slots: slots.max(4), lead_row: 24.0, row: 24.0 }
        } else {
            let (start, pitch) = (98.0, 19.0);
            let slots = ((columns(width).1 - start - 72.0) / pitch) as usize;
            Tape { start, pitch, cell: 17.0, slots: slots.max(4), lead_row: 48.0, row: 26.0 }
        }
    }

    /// The layout of `scene` on a stage of `width` × `height`.
    pub fn of(scene: &Scene, width: f64, height: f64) -> Self {
        let mut layout =
            Self { width, narrow: width < NARROW, tape: Self::tape_for(width), ..Self::default() };
        if layout.narrow {
            layout.stack(scene);
        } else {
            layout.spread(scene, height);
        }
        layout.height = layout.height.max(height);
        layout
    }

    /// Wide: columns.
    fn spread(&mut self, scene: &Scene, height: f64) {
        let (brokers_x, broker_w) = columns(self.width);
        self.band = Rect::new(MARGIN, 12.0, self.width - 2.0 * MARGIN, 84.0);
        for (at, server) in scene.zookeeper.servers.iter().enumerate() {
            let rect = Rect::new(130.0 + 80.0 * at as f64, 30.0, 64.0, 48.0);
            self.nodes.insert(server.process, (Column::ZooKeeper, rect));
        }
        let top = 126.0;
        let folded = scene.brokers.iter().any(|card| !card.folded.is_empty());
        let wanted = self.brokers_height(scene, 12.0);
        let crowded = scene.brokers.iter().any(|card| card.rows.len() > 8);
        if crowded || (top + wanted > height && scene.brokers.len() > 3) {
            (self.tape.lead_row, self.tape.row) = (34.0, 20.0);
        }
        let mut y = top;
        for card in &scene.brokers {
            let h = self.place_broker(card, brokers_x, y, broker_w, folded);
            y += h + 12.0;
        }
        let bottom = (y - 12.0).max(top + 200.0);
        self.brokers = Rect::new(brokers_x, top, broker_w, bottom - top);
        let clients_bottom = self.place_clients(scene, top, bottom);
        let groups_x = self.width - MARGIN - GROUP_W;
        let groups_bottom = self.place_groups(scene, groups_x, top, GROUP_W);
        self.height = bottom.max(clients_bottom).max(groups_bottom) + MARGIN;
    }

    fn brokers_height(&self, scene: &Scene, gap: f64) -> f64 {
        scene.brokers.iter().map(|card| self.rows_height(card) + HEADER + FOOTER + gap).sum()
    }

    fn rows_height(&self, card: &BrokerCard) -> f64 {
        card.rows.iter().map(|row| self.row_height(row.role)).sum()
    }

    fn row_height(&self, role: Role) -> f64 {
        if role == Role::Leader { self.tape.lead_row } else { self.tape.row }
    }

    fn place_broker(&mut self, card: &BrokerCard, x: f64, y: f64, w: f64, folded: bool) -> f64 {
        let mut row_y = y + HEADER;
        for row in &card.rows {
            let h = self.row_height(row.role);
            self.rows.insert((card.process, row.partition.clone()), Rect::new(x, row_y, w, h));
            row_y += h;
        }
        let foot = match (folded, card.rows.is_empty()) {
            (true, _) => FOOTER,
            (false, true) => 22.0,
            (false, false) => 4.0,
        };
        let h = row_y - y + foot;
        self.nodes.insert(card.process, (Column::Broker, Rect::new(x, y, w, h)));
        h
    }

    fn place_clients(&mut self, scene: &Scene, top: f64, bottom: f64) -> f64 {
        let (admins, producers): (Vec<_>, Vec<_>) =
            scene.clients.iter().partition(|client| !client.is_producer);
        let (card_h, gap_min) = if producers.len() > 5 { (30.0, 8.0) } else { (81.0, 14.0) };
        let room = bottom - top - 38.0 * admins.len() as f64;
        let count = producers.len().max(1) as f64;
        let gap = ((room - count * card_h) / count).max(gap_min);
        let mut producers_end = top;
        let mut y = top + if producers.len() > 5 { 0.0 } else { (gap / 2.0).min(40.0) };
        for client in producers {
            let rect = Rect::new(MARGIN, y, CLIENT_W, card_h);
            self.nodes.insert(client.process, (Column::Client, rect));
            producers_end = rect.bottom();
            y += card_h + gap;
        }
        let free = if producers_end > top { producers_end + 10.0 } else { top };
        y = free.max(bottom - 38.0 * admins.len() as f64 + 8.0);
        for client in admins {
            let rect = Rect::new(MARGIN, y, CLIENT_W, 30.0);
            self.nodes.insert(client.process, (Column::Client, rect));
            y += 38.0;
        }
        y
    }

    fn place_groups(&mut self, scene: &Scene, x: f64, top: f64, w: f64) -> f64 {
        let mut y = top;
        for group in &scene.groups {
            let start = y;
            y += 50.0 + if group.tray.is_empty() { 0.0 } else { 34.0 };
            let mut places = Vec::new();
            for member in &group.members {
                let rect = Rect::new(x + 8.0, y, w - 16.0, member_height(member));
                if let Some(process) = member.process {
                    self.nodes.insert(process, (Column::Group, rect));
                }
                places.push(rect);
                y += rect.h + 8.0;
            }
            if group.members.is_empty() {
                y += 8.0;
            }
            self.groups.push(Rect::new(x, start, w, y - start));
            self.members.push(places);
            y += 18.0;
        }
        self.new_group = Rect::new(x + 0.5, y + 0.5, w - 1.0, 54.0);
        y + 56.0
    }

    /// Narrow: from top to bottom.
    fn stack(&mut self, scene: &Scene) {
        let w = self.width - 2.0 * MARGIN;
        self.band = Rect::new(MARGIN, 8.0, w, 28.0);
        for (at, server) in scene.zookeeper.servers.iter().enumerate() {
            let rect = Rect::new(100.0 + 30.0 * at as f64, 13.0, 24.0, 18.0);
            self.nodes.insert(server.process, (Column::ZooKeeper, rect));
        }
        let mut y = 46.0;
        let across = if self.width < 360.0 { 2 } else { 3 };
        let chip_w = (w - 7.0 * f64::from(across - 1)) / f64::from(across);
        for (at, client) in scene.clients.iter().enumerate() {
            let column = (at % across as usize) as f64;
            let line = (at / across as usize) as f64;
            let rect = Rect::new(MARGIN + column * (chip_w + 7.0), y + line * 36.0, chip_w, 28.0);
            self.nodes.insert(client.process, (Column::Client, rect));
        }
        y += 36.0 * (scene.clients.len().div_ceil(across as usize) as f64) + 10.0;
        let top = y;
        for card in &scene.brokers {
            let h = self.place_broker(card, MARGIN, y, w, false);
            y += h + 8.0;
        }
        self.brokers = Rect::new(MARGIN, top, w, (y - 8.0 - top).max(0.0));
        y = self.place_narrow_groups(scene, y + 10.0, w);
        self.height = y + 4.0;
    }

    fn place_narrow_groups(&mut self, scene: &Scene, top: f64, w: f64) -> f64 {
        let mut y = top;
        for group in &scene.groups {
            let mut places = Vec::new();
            let h = 28.0 + 24.0 * group.members.len() as f64 + 6.0;
            for (at, member) in group.members.iter().enumerate() {
                let rect = Rect::new(MARGIN + 6.0, y + 27.0 + 24.0 * at as f64, w - 12.0, 22.0);
                if let Some(process) = member.process {
                    self.nodes.insert(process, (Column::Group, rect));
                }
                places.push(rect);
            }
            self.groups.push(Rect::new(MARGIN, y, w, h));
            self.members.push(places);
            y += h + 8.0;
        }
        self.new_group = Rect::new(MARGIN + 0.5, y + 0.5, w - 1.0, 43.0);
        y + 46.0
    }

    /// The rectangle of a process.
    pub fn node(&self, process: ProcessId) -> Option<Rect> {
        self.nodes.get(&process).map(|(_, rect)| *rect)
    }

    /// The height at which a frame about `partition` meets `process`.
    pub fn port_y(&self, process: ProcessId, partition: Option<&TopicPartition>) -> Option<f64> {
        let (column, rect) = self.nodes.get(&process)?;
        if *column != Column::Broker {
            return Some(rect.middle_y());
        }
        let Some(partition) = partition else { return Some(rect.y + HEADER / 2.0) };
        let row = self.rows.get(&(process, partition.clone()));
        Some(row.map_or(rect.bottom() - FOOTER / 2.0, Rect::middle_y))
    }

    /// Left edge of the cell of `offset` in a row whose axis begins at `axis`.
    pub fn cell_x(&self, card: &Rect, axis: i64, offset: i64) -> f64 {
        card.x + self.tape.start + (offset - axis) as f64 * self.tape.pitch
    }
}

const CLIENT_W: f64 = 130.0;
const GROUP_W: f64 = 200.0;

/// Left edge and width of the brokers' column.
fn columns(width: f64) -> (f64, f64) {
    let rest = width - 2.0 * MARGIN - CLIENT_W - GROUP_W;
    let broker_w = (rest - 168.0).clamp(300.0, 760.0);
    let gaps = (rest - broker_w).max(120.0);
    (MARGIN + CLIENT_W + gaps * 0.42, broker_w)
}

fn member_height(member: &MemberCard) -> f64 {
    24.0 + 17.0 * member.owned.len() as f64 + if member.owned.is_empty() { 2.0 } else { 0.0 }
}

/// Whether a group's frame is drawn with marching dashes.
pub fn is_moving(group: &GroupFrame) -> bool {
    !group.is_stable()
}

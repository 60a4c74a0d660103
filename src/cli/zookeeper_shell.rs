//! `zookeeper-shell.sh`: looks at znodes and changes them, with ZooKeeper's own words.
//!
//! Its properties are `args`, its command line (`host:port[/chroot] [command]`), and `input`, the
//! lines of its standard input; it has no prompt, as ZooKeeper's has none without a terminal.
//!
//! In ZooKeeper: `ZooKeeperMain`, `org.apache.zookeeper.cli`.

mod command;
mod text;

use super::{STDERR, STDOUT};
use crate::base::Span;
use crate::base::timers::Wakeup;
use crate::base::trace::LogLevel;
use crate::node::view::AdminView;
use crate::node::{ConfigError, Ctx, Input, Process, ProcessSpec, ProcessView};
use crate::wire::zookeeper::{
    ANY_VERSION, DeleteRequest, GetChildrenRequest, KeeperCode, Reply, Request, event_type,
};
use crate::zk_client::{ZkClient, ZkEvent};
use command::{Command, Job, words};
use std::collections::VecDeque;
use text::{USAGE, acl_lines, exception, problem, stat_lines};

/// `-timeout`: what the session asks for.
const SESSION_TIMEOUT: Span = Span::from_secs(30);
/// Lines that a view keeps.
const LINES_SHOWN_MAX: usize = 500;
/// `history` shows so many commands before itself.
const HISTORY_SHOWN: usize = 10;

/// The shell.
#[derive(Debug)]
pub struct ZooKeeperShell {
    client: ZkClient<()>,
    host: String,
    is_interactive: bool,
    lines: VecDeque<String>,
    history: Vec<String>,
    job: Option<Job>,
    prints_watches: bool,
    is_over: bool,
    exit_code: i32,
    printed: VecDeque<Result<String, String>>,
}

impl ZooKeeperShell {
    /// A shell that has not started yet.
    pub fn new(spec: &ProcessSpec) -> Result<Self, ConfigError> {
        let args = spec.properties.get("args").unwrap_or_default().trim();
        let (host, command) = args.split_once(' ').unwrap_or((args, ""));
        let input = spec.properties.get("input").unwrap_or_default();
        let is_interactive = command.trim().is_empty();
        let lines = if is_interactive { input } else { command };
        Ok(Self {
            client: ZkClient::new(host, SESSION_TIMEOUT)?,
            host: host.to_owned(),
            is_interactive,
            lines: lines.lines().map(str::to_owned).collect(),
            history: Vec::new(),
            job: None,
            prints_watches: true,
            is_over: false,
            exit_code: 0,
            printed: VecDeque::new(),
        })
    }

    fn out(&mut self, text: impl Into<String>, ctx: &mut Ctx) {
        let text = text.into();
        self.keep(Ok(text.clone()));
        ctx.log(LogLevel::Info, STDOUT, text);
    }

    fn err(&mut self, text: impl Into<String>, ctx: &mut Ctx) {
        let text = text.into();
        self.keep(Err(text.clone()));
        ctx.log(LogLevel::Error, STDERR, text + "\n");
    }

    fn keep(&mut self, line: Result<String, String>) {
        self.printed.push_back(line);
        if self.printed.len() > LINES_SHOWN_MAX {
            self.printed.pop_front();
        }
    }

    fn start(&mut self, ctx: &mut Ctx) {
        self.out(format!("Connecting to {}\n", self.host), ctx);
        if self.is_interactive {
            self.out("Welcome to ZooKeeper!\nJLine support is disabled\n", ctx);
        }
        self.client.connect(ctx);
        self.go_on(ctx);
    }

    /// Runs lines until one of them must wait for an answer; ends behind the last one.
    fn go_on(&mut self, ctx: &mut Ctx) {
        while self.job.is_none() && !self.is_over {
            match self.lines.pop_front() {
                Some(line) if line.trim().is_empty() => {}
                Some(line) => self.run(&line, ctx),
                None => self.leave(ctx),
            }
        }
    }

    fn leave(&mut self, ctx: &mut Ctx) {
        self.is_over = true;
        ctx.exit(false, format!("exit code {}", self.exit_code));
    }

    fn run(&mut self, line: &str, ctx: &mut Ctx) {
        self.history.push(line.to_owned());
        let args = words(line);
        self.exit_code = 0;
        match Command::parse(&args) {
            Ok(Command::Do { job, request, deprecated }) => {
                if let Some(deprecated) = deprecated {
                    self.err(deprecated, ctx);
                }
                self.job = Some(job);
                self.client.submit(request, (), ctx);
            }
            Ok(Command::Quit) => {
                self.close(ctx);
                self.leave(ctx);
            }
            Ok(Command::Close) => self.close(ctx),
            Ok(Command::History) => {
                let count = self.history.len();
                let first = count.saturating_sub(HISTORY_SHOWN + 1);
                let shown = self.history.iter().enumerate().skip(first);
                let shown: Vec<String> = shown.map(|(at, line)| format!("{at} - {line}")).collect();
                self.out(shown.join("\n") + "\n", ctx);
            }
            Ok(Command::PrintWatches(wanted)) => {
                self.prints_watches = wanted.unwrap_or(self.prints_watches);
                if wanted.is_none() {
                    let state = if self.prints_watches { "on" } else { "off" };
                    self.out(format!("printwatches is {state}\n"), ctx);
                }
            }
            Ok(Command::Unknown(name)) => {
                self.exit_code = 127;
                self.err(USAGE, ctx);
                self.err(format!("Command not found: Command not found {name}"), ctx);
            }
            Err(message) => self.fail(message, ctx),
        }
    }

    fn fail(&mut self, message: String, ctx: &mut Ctx) {
        self.exit_code = 1;
        self.err(message, ctx);
    }

    fn close(&mut self, ctx: &mut Ctx) {
        self.client.close(ctx);
        self.watched("Closed", "None", "null", ctx);
    }

    fn watched(&mut self, state: &str, kind: &str, path: &str, ctx: &mut Ctx) {
        if self.prints_watches {
            let event = format!("WatchedEvent state:{state} type:{kind} path:{path}");
            self.out(format!("\nWATCHER::\n\n{event}\n"), ctx);
        }
    }

    fn take(&mut self, events: Vec<ZkEvent<()>>, ctx: &mut Ctx) {
        for event in events {
            match event {
                ZkEvent::Connected { .. } => self.watched("SyncConnected", "None", "null", ctx),
                ZkEvent::Disconnected => self.watched("Disconnected", "None", "null", ctx),
                ZkEvent::Expired => self.watched("Expired", "None", "null", ctx),
                ZkEvent::Watch { kind, path } => {
                    self.watched("SyncConnected", event_type::name(kind), &path, ctx);
                }
                ZkEvent::Reply { result, .. } => {
                    if let Some(job) = self.job.take() {
                        self.answered(job, result, ctx);
                    }
                }
            }
        }
        self.go_on(ctx);
    }

    fn answered(&mut self, job: Job, result: Result<Option<Reply>, KeeperCode>, ctx: &mut Ctx) {
        let body = match result {
            Ok(body) => body,
            // It went away between being listed and being visited.
            Err(KeeperCode::NO_NODE) if matches!(&job, Job::Visit { found, .. } if !found.is_empty()) => {
                None
            }
            Err(error) => {
                let message = match &job {
                    Job::Get { path, .. } => exception(error, path),
                    job => problem(error, job.path()),
                };
                return self.fail(message, ctx);
            }
        };
        match (job, body) {
            (Job::Visit { path, watch, .. }, Some(Reply::GetData(_))) => {
                self.visit(vec![path.clone()], vec![path], watch, ctx);
            }
            (Job::Visit { path, watch, mut left, mut found }, body) => {
                let children = children_of(&path, body);
                left.extend(children.iter().rev().cloned());
                found.extend(children);
                self.visit(left, found, watch, ctx);
            }
            (Job::Walk { path, mut queue, mut found }, body) => {
                queue.extend(children_of(&path, body));
                found.push(path);
                self.walk(queue, found, ctx);
            }
            (Job::Remove { left, .. }, _) => self.remove(left, ctx),
            (Job::List { with_stat, .. }, Some(Reply::GetChildren2(body))) => {
                let mut children = body.children;
                children.sort();
                let mut text = format!("[{}]", children.join(", "));
                if with_stat.is_some_and(|on_line| on_line) {
                    text.push('\n');
                }
                if with_stat.is_some() {
                    text.push_str(&stat_lines(&body.stat));
                }
                if with_stat.is_none_or(|on_line| !on_line) {
                    text.push('\n');
                }
                self.out(text, ctx);
            }
            (Job::Get { with_stat, .. }, Some(Reply::GetData(body))) => {
                let data = body.data.as_deref().map(String::from_utf8_lossy);
                let mut text = format!("{}\n", data.as_deref().unwrap_or("null"));
                if with_stat {
                    text.push_str(&stat_lines(&body.stat));
                }
                self.out(text, ctx);
            }
            (Job::Stat { is_printed, .. }, Some(Reply::Stat(body))) => {
                if is_printed {
                    self.out(stat_lines(&body.stat), ctx);
                }
            }
            (Job::Create { .. }, Some(Reply::Create(body))) => {
                self.err(format!("Created {}", body.path), ctx);
            }
            (Job::GetAcl { with_stat, .. }, Some(Reply::GetAcl(body))) => {
                let mut text = acl_lines(&body.acl);
                if with_stat {
                    text.push_str(&stat_lines(&body.stat));
                }
                self.out(text, ctx);
            }
            (Job::Sync { .. }, _) => self.out("Sync returned 0\n", ctx),
            (_, _) => {}
        }
    }

    /// Visits what is left of a tree; then shows all that was found.
    fn visit(&mut self, mut left: Vec<String>, found: Vec<String>, watch: bool, ctx: &mut Ctx) {
        if let Some(path) = left.pop() {
            let request = GetChildrenRequest { path: path.clone(), watch };
            self.job = Some(Job::Visit { path, watch, left, found });
            self.client.submit(Request::GetChildren(request), (), ctx);
        } else {
            let text: String = found.into_iter().map(|path| path + "\n").collect();
            self.out(text, ctx);
        }
    }

    /// Lists a tree level by level; then deletes it from its leaves.
    fn walk(&mut self, mut queue: VecDeque<String>, found: Vec<String>, ctx: &mut Ctx) {
        if let Some(path) = queue.pop_front() {
            let request = GetChildrenRequest { path: path.clone(), watch: false };
            self.job = Some(Job::Walk { path, queue, found });
            self.client.submit(Request::GetChildren(request), (), ctx);
        } else {
            self.remove(found, ctx);
        }
    }

    fn remove(&mut self, mut left: Vec<String>, ctx: &mut Ctx) {
        if let Some(path) = left.pop() {
            let request = DeleteRequest { path: path.clone(), version: ANY_VERSION };
            self.job = Some(Job::Remove { path, left });
            self.client.submit(Request::Delete(request), (), ctx);
        }
    }
}

/// The paths of the children that an answer lists, in order.
fn children_of(path: &str, body: Option<Reply>) -> Vec<String> {
    let Some(Reply::GetChildren(body)) = body else { return Vec::new() };
    let mut children = body.children;
    children.sort();
    let below = if path == "/" { "" } else { path };
    children.iter().map(|child| format!("{below}/{child}")).collect()
}

impl Process for ZooKeeperShell {
    fn step(&mut self, input: Input, ctx: &mut Ctx<'_>) {
        match input {
            Input::Start { .. } => self.start(ctx),
            Input::Link(input) => {
                let events = self.client.on_link(input, ctx);
                self.take(events, ctx);
            }
            Input::Wake => {
                let events = self.client.on_wake(ctx);
                self.take(events, ctx);
            }
            Input::Command { id, .. } => {
                ctx.answer(id, Err("A shell reads its own input.".to_owned()));
            }
            Input::Stop => self.leave(ctx),
        }
    }

    fn next_wakeup(&self) -> Option<Wakeup> {
        self.client.next_wakeup()
    }

    fn view(&self) -> ProcessView {
        let pending = u32::from(self.job.is_some());
        ProcessView::Admin(AdminView { pending, outcomes: self.printed.iter().cloned().collect() })
    }
}

//! What a line asks for.
//!
//! In ZooKeeper: `ZooKeeperMain.MyCommandOptions`, the parse methods of `org.apache.zookeeper.cli`.

use super::text::{parse_acl, usage_of};
use crate::wire::zookeeper::{
    ANY_VERSION, Acl, AuthRequest, CreateRequest, DeleteRequest, ExistsRequest, GetAclRequest,
    GetChildrenRequest, GetDataRequest, Request, SetAclRequest, SetDataRequest, SyncRequest,
    create_mode,
};
use bytes::Bytes;
use std::collections::VecDeque;

/// What a command waits for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Job {
    /// Children, with the stat behind the list or on lines of its own.
    List { path: String, with_stat: Option<bool> },
    /// A whole tree: a znode, its children, then what lies below each of them.
    Visit { path: String, watch: bool, left: Vec<String>, found: Vec<String> },
    /// A whole tree level by level, to be deleted.
    Walk { path: String, queue: VecDeque<String>, found: Vec<String> },
    /// The deletion of a tree.
    Remove { path: String, left: Vec<String> },
    /// Data.
    Get { path: String, with_stat: bool },
    /// A stat, by itself or behind a change.
    Stat { path: String, is_printed: bool },
    /// A new znode.
    Create { path: String },
    /// A deletion, or new credentials: no answer but an error.
    Quiet { path: String },
    /// An ACL.
    GetAcl { path: String, with_stat: bool },
    /// A sync.
    Sync { path: String },
}

impl Job {
    /// The path that an error names.
    pub(super) fn path(&self) -> &str {
        match self {
            Self::List { path, .. }
            | Self::Visit { path, .. }
            | Self::Walk { path, .. }
            | Self::Remove { path, .. }
            | Self::Get { path, .. }
            | Self::Stat { path, .. }
            | Self::Create { path }
            | Self::Quiet { path }
            | Self::GetAcl { path, .. }
            | Self::Sync { path } => path,
        }
    }
}

/// A command.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Command {
    /// Ask the server; first say that this way of asking is deprecated.
    Do {
        job: Job,
        request: Request,
        deprecated: Option<String>,
    },
    Quit,
    Close,
    History,
    PrintWatches(Option<bool>),
    Unknown(String),
}

/// The words of a line; what stands in quotes is one.
pub(super) fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next() {
        let is_quote = matches!(first, '"' | '\'');
        let end = if is_quote { rest[1..].find(first).map(|at| at + 1) } else { None };
        let (word, behind) = match end {
            Some(end) => (&rest[1..end], &rest[end + 1..]),
            None => rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len())),
        };
        words.push(word.to_owned());
        rest = behind.trim_start();
    }
    words
}

/// The options and the other words of a command.
struct Args<'a> {
    flags: Vec<&'a str>,
    version: i32,
    plain: Vec<&'a str>,
}

impl<'a> Args<'a> {
    /// Takes options among `known` out of the words; `-v` takes the word behind it.
    fn new(words: &'a [String], known: &[&str]) -> Result<Self, String> {
        let mut args = Self { flags: Vec::new(), version: ANY_VERSION, plain: Vec::new() };
        let mut rest = words.iter().skip(1).map(String::as_str);
        while let Some(word) = rest.next() {
            if !word.starts_with('-') || word.len() < 2 {
                args.plain.push(word);
            } else if !known.contains(&word) {
                let kind = "org.apache.commons.cli.UnrecognizedOptionException";
                return Err(format!("{kind}: Unrecognized option: {word}"));
            } else if matches!(word, "-v" | "-t") {
                let number = rest.next().unwrap_or_default();
                args.version =
                    number.parse().map_err(|_| format!("For input string: \"{number}\""))?;
                args.flags.push(word);
            } else {
                args.flags.push(word);
            }
        }
        Ok(args)
    }

    fn has(&self, flag: &str) -> bool {
        self.flags.contains(&flag)
    }
}

fn deprecated(old: &str, new: &str) -> String {
    format!("'{old}' has been deprecated. Please use '{new}' instead.")
}

impl Command {
    /// Reads the words of a line; an error is what is printed instead.
    pub(super) fn parse(words: &[String]) -> Result<Self, String> {
        let name = words.first().map(String::as_str).unwrap_or_default();
        match name {
            "quit" => return Ok(Self::Quit),
            "close" => return Ok(Self::Close),
            "history" => return Ok(Self::History),
            "printwatches" => {
                return Ok(Self::PrintWatches(words.get(1).map(|word| word == "on")));
            }
            "config" | "connect" | "delquota" | "listquota" | "reconfig" | "redo"
            | "removewatches" | "setquota" => return Err(format!("{name} is not offered here")),
            _ => {}
        }
        let known: &[&str] = match name {
            "ls" => &["-s", "-w", "-R"],
            "get" => &["-s", "-w"],
            "stat" => &["-w"],
            "getAcl" => &["-s"],
            "create" => &["-s", "-e", "-c", "-t"],
            "set" | "setAcl" => &["-s", "-v"],
            "delete" => &["-v"],
            "ls2" | "deleteall" | "rmr" | "sync" | "addauth" => &[],
            _ => return Ok(Self::Unknown(name.to_owned())),
        };
        let args = Args::new(words, known)?;
        let needs = if matches!(name, "set" | "setAcl" | "addauth") { 2 } else { 1 };
        if args.plain.len() < needs {
            return Err(usage_of(name));
        }
        let path = args.plain[0].to_owned();
        if name != "addauth" && !path.starts_with('/') {
            return Err(format!("Path must start with / character: {path}"));
        }
        let (job, request, deprecated) = match name {
            "ls" | "ls2" | "get" | "stat" | "getAcl" => looks(name, &args, path),
            "addauth" => {
                let auth = Some(Bytes::copy_from_slice(args.plain[1].as_bytes()));
                let request = AuthRequest { auth_type: 0, scheme: path.clone(), auth };
                (Job::Quiet { path }, Request::Auth(request), None)
            }
            _ => changes(name, &args, path)?,
        };
        Ok(Self::Do { job, request, deprecated })
    }
}

type Asked = (Job, Request, Option<String>);

/// The commands that only look.
fn looks(name: &str, args: &Args, path: String) -> Asked {
    let is_old = args.plain.len() > 1;
    let watch = args.has("-w") || is_old;
    let children = |path: &str, watch| GetChildrenRequest { path: path.to_owned(), watch };
    match name {
        "ls" if args.has("-R") => {
            let request = Request::GetData(GetDataRequest { path: path.clone(), watch });
            (Job::Visit { path, watch, left: Vec::new(), found: Vec::new() }, request, None)
        }
        "ls" => {
            let old = "ls path [watch]";
            let note = is_old.then(|| deprecated(old, "ls [-w] path"));
            let request = Request::GetChildren2(children(&path, watch));
            (Job::List { path, with_stat: args.has("-s").then_some(false) }, request, note)
        }
        "ls2" => {
            let request = Request::GetChildren2(children(&path, watch));
            let note = Some(deprecated("ls2", "ls [-s] path"));
            (Job::List { path, with_stat: Some(true) }, request, note)
        }
        "get" => {
            let request = Request::GetData(GetDataRequest { path: path.clone(), watch });
            let old = "get path [watch]";
            let note = is_old.then(|| deprecated(old, "get [-s] [-w] path"));
            (Job::Get { path, with_stat: args.has("-s") }, request, note)
        }
        "getAcl" => {
            let request = Request::GetAcl(GetAclRequest { path: path.clone() });
            (Job::GetAcl { path, with_stat: args.has("-s") }, request, None)
        }
        _ => {
            let request = Request::Exists(ExistsRequest { path: path.clone(), watch });
            let old = "stat path [watch]";
            let note = is_old.then(|| deprecated(old, "stat [-w] path"));
            (Job::Stat { path, is_printed: true }, request, note)
        }
    }
}

/// The commands that change something.
fn changes(name: &str, args: &Args, path: String) -> Result<Asked, String> {
    let data = |at: usize| args.plain.get(at).map(|text| Bytes::copy_from_slice(text.as_bytes()));
    let acl = |at: usize| match args.plain.get(at) {
        None => Ok(Acl::open()),
        Some(text) => {
            parse_acl(text).ok_or_else(|| format!("{text} does not have the form scheme:id:perm"))
        }
    };
    Ok(match name {
        "create" => {
            let flags = match (args.has("-c"), args.has("-t"), args.has("-e"), args.has("-s")) {
                (true, ..) => create_mode::CONTAINER,
                (_, true, ..) => create_mode::PERSISTENT_WITH_TTL,
                (_, _, ephemeral, sequential) => i32::from(ephemeral) | i32::from(sequential) << 1,
            };
            let request = CreateRequest { path: path.clone(), data: data(1), acl: acl(2)?, flags };
            (Job::Create { path }, Request::Create(request), None)
        }
        "set" => {
            let (mut version, mut note) = (args.version, None);
            if let Some(old) = args.plain.get(2) {
                version = old.parse().map_err(|_| format!("For input string: \"{old}\""))?;
                note =
                    Some(deprecated("set path data [version]", "set [-s] [-v version] path data"));
            }
            let request = SetDataRequest { path: path.clone(), data: data(1), version };
            (Job::Stat { path, is_printed: args.has("-s") }, Request::SetData(request), note)
        }
        "setAcl" => {
            let request = SetAclRequest { path: path.clone(), acl: acl(1)?, version: args.version };
            (Job::Stat { path, is_printed: args.has("-s") }, Request::SetAcl(request), None)
        }
        "delete" => {
            let (mut version, mut note) = (args.version, None);
            if let Some(old) = args.plain.get(1) {
                version = old.parse().map_err(|_| format!("For input string: \"{old}\""))?;
                note = Some(deprecated("delete path [version]", "delete [-v version] path"));
            }
            let request = DeleteRequest { path: path.clone(), version };
            (Job::Quiet { path }, Request::Delete(request), note)
        }
        "sync" => {
            let request = SyncRequest { path: path.clone() };
            (Job::Sync { path }, Request::Sync(request), None)
        }
        _ => {
            let note = (name == "rmr").then(|| {
                "The command 'rmr' has been deprecated. Please use 'deleteall' instead.".to_owned()
            });
            let request = GetChildrenRequest { path: path.clone(), watch: false };
            let job = Job::Walk { path, queue: VecDeque::new(), found: Vec::new() };
            (job, Request::GetChildren(request), note)
        }
    })
}

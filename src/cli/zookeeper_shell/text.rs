//! What the shell prints.
//!
//! In ZooKeeper: `cli.StatPrinter`, `cli.GetAclCommand`, `cli.CliWrapperException`.

use crate::wire::zookeeper::{Acl, KeeperCode, Stat, permission};

/// The list of commands, as an unknown one brings it up.
pub(super) const USAGE: &str = "\
ZooKeeper -server host:port [-zk-tls-config-file <file>] cmd args
\taddauth scheme auth
\tclose 
\tconfig [-c] [-w] [-s]
\tconnect host:port
\tcreate [-s] [-e] [-c] [-t ttl] path [data] [acl]
\tdelete [-v version] path
\tdeleteall path
\tdelquota [-n|-b] path
\tget [-s] [-w] path
\tgetAcl [-s] path
\thistory 
\tlistquota path
\tls [-s] [-w] [-R] path
\tls2 path [watch]
\tprintwatches on|off
\tquit 
\treconfig [-s] [-v version] [[-file path] | [-members serverID=host:port1:port2;port3[,...]*]] | [-add serverId=host:port1:port2;port3[,...]]* [-remove serverId[,...]*]
\tredo cmdno
\tremovewatches path [-c|-d|-a] [-l]
\trmr path
\tset [-s] [-v version] path data
\tsetAcl [-s] [-v version] [-R] path acl
\tsetquota -n|-b val path
\tstat [-w] path
\tsync path";

/// The usage of one command, by which a wrong one is answered.
pub(super) fn usage_of(name: &str) -> String {
    let lines = USAGE.lines().map(str::trim_start);
    let of_it = |line: &&str| line.split(' ').next() == Some(name);
    lines.skip(1).find(of_it).unwrap_or(name).to_owned()
}

/// An error in the shell's own words.
pub(super) fn problem(error: KeeperCode, path: &str) -> String {
    match error {
        KeeperCode::NO_NODE => format!("Node does not exist: {path}"),
        KeeperCode::NO_CHILDREN_FOR_EPHEMERALS => {
            format!("Ephemerals cannot have children: {path}")
        }
        KeeperCode::NODE_EXISTS => format!("Node already exists: {path}"),
        KeeperCode::NOT_EMPTY => format!("Node not empty: {path}"),
        KeeperCode::NOT_READ_ONLY => format!("Not a read-only call: {path}"),
        KeeperCode::INVALID_ACL => format!("Acl is not valid : {path}"),
        KeeperCode::NO_AUTH => format!("Authentication is not valid : {path}"),
        KeeperCode::BAD_ARGUMENTS => format!("Arguments are not valid : {path}"),
        KeeperCode::BAD_VERSION => format!("version No is not valid : {path}"),
        other => other.message_for(path),
    }
}

/// An error as the exception that `get` lets through.
pub(super) fn exception(error: KeeperCode, path: &str) -> String {
    let name: String = error.to_string().split(' ').map(capitalised).collect();
    let message = error.message_for(path);
    format!("org.apache.zookeeper.KeeperException${name}Exception: {message}")
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A stat, a line for each field.
pub(super) fn stat_lines(stat: &Stat) -> String {
    format!(
        "cZxid = 0x{:x}\nctime = {}\nmZxid = 0x{:x}\nmtime = {}\npZxid = 0x{:x}\ncversion = {}\n\
         dataVersion = {}\naclVersion = {}\nephemeralOwner = 0x{:x}\ndataLength = {}\n\
         numChildren = {}\n",
        stat.czxid,
        date(stat.ctime),
        stat.mzxid,
        date(stat.mtime),
        stat.pzxid,
        stat.cversion,
        stat.version,
        stat.aversion,
        stat.ephemeral_owner,
        stat.data_length,
        stat.num_children,
    )
}

/// An ACL, two lines for each entry.
pub(super) fn acl_lines(acl: &[Acl]) -> String {
    let letters = [
        (permission::CREATE, 'c'),
        (permission::DELETE, 'd'),
        (permission::READ, 'r'),
        (permission::WRITE, 'w'),
        (permission::ADMIN, 'a'),
    ];
    let mut text = String::new();
    for entry in acl {
        for part in ["'", &entry.id.scheme, ",'", &entry.id.id, "\n: "] {
            text.push_str(part);
        }
        text.extend(letters.iter().filter(|(bit, _)| entry.perms & bit != 0).map(|(_, c)| *c));
        text.push('\n');
    }
    text
}

/// An ACL as it is typed: `scheme:id:perms`, comma-separated.
pub(super) fn parse_acl(text: &str) -> Option<Vec<Acl>> {
    let entry = |entry: &str| {
        let (scheme, rest) = entry.split_once(':')?;
        let (id, letters) = rest.rsplit_once(':')?;
        let perms = letters.chars().fold(0, |perms, letter| {
            perms
                | match letter {
                    'c' => permission::CREATE,
                    'd' => permission::DELETE,
                    'r' => permission::READ,
                    'w' => permission::WRITE,
                    'a' => permission::ADMIN,
                    _ => 0,
                }
        });
        let (scheme, id) = (scheme.to_owned(), id.to_owned());
        Some(Acl { perms, id: crate::wire::zookeeper::Id { scheme, id } })
    };
    text.split(',').map(entry).collect()
}

/// A time (ms) as `java.util.Date` prints it in UTC.
fn date(ms: i64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let seconds = ms.div_euclid(1_000);
    let (day, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Civil from days, counted in eras of 400 years that begin in March (H. Hinnant).
    let shifted = day + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    let month = (month + 2) % 12;
    let year = year + era * 400 + i64::from(month < 2);
    format!(
        "{} {} {of_month:02} {:02}:{:02}:{:02} UTC {year}",
        DAYS[day.rem_euclid(7) as usize],
        MONTHS[month as usize],
        second / 3_600,
        second / 60 % 60,
        second % 60,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_read_as_java_prints_them() {
        assert_eq!(date(0), "Thu Jan 01 00:00:00 UTC 1970");
        assert_eq!(date(1_795_379_624_610), "Sun Nov 22 20:33:44 UTC 2026");
        assert_eq!(date(951_782_400_000), "Tue Feb 29 00:00:00 UTC 2000");
    }

    #[test]
    fn acls_are_read_and_printed() {
        let acl = parse_acl("world:anyone:r,digest:me:hash=:cdrwa").unwrap();
        assert_eq!(acl_lines(&acl), "'world,'anyone\n: r\n'digest,'me:hash=\n: cdrwa\n");
        assert_eq!(parse_acl("world"), None);
        assert_eq!(usage_of("set"), "set [-s] [-v version] path data");
        assert_eq!(
            exception(KeeperCode::NO_NODE, "/a"),
            "org.apache.zookeeper.KeeperException$NoNodeException: KeeperErrorCode = NoNode for /a"
        );
    }
}

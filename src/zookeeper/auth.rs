//! Who a client is, and what an ACL lets it do: the schemes `world`, `auth`, `digest` and `ip`.
//!
//! In ZooKeeper: `server.auth.DigestAuthenticationProvider`, `server.auth.IPAuthenticationProvider`,
//! `PrepRequestProcessor.checkACL` and `fixupACL`.

use super::digest::{base64, sha1};
use crate::wire::zookeeper::{Acl, Id, KeeperCode};

/// The identity of a client that presents `user:password`.
pub(super) fn digest_id(credentials: &[u8]) -> Id {
    let user_len = credentials.iter().position(|byte| *byte == b':').unwrap_or(credentials.len());
    let user = String::from_utf8_lossy(&credentials[..user_len]);
    let id = format!("{user}:{}", base64(&sha1(credentials)));
    Id { scheme: "digest".to_owned(), id }
}

/// The identity that every client has: where it comes from.
pub(super) fn ip_id(host: &str) -> Id {
    Id { scheme: "ip".to_owned(), id: host.to_owned() }
}

/// Whether a client with the identities `ids` may do what needs one of `permissions`.
pub(super) fn check(acl: &[Acl], permissions: i32, ids: &[Id]) -> Result<(), KeeperCode> {
    let grants = |entry: &Acl| {
        entry.perms & permissions != 0
            && ((entry.id.scheme == "world" && entry.id.id == "anyone")
                || ids.iter().any(|id| id.scheme == entry.id.scheme && matches(id, &entry.id.id)))
    };
    if acl.is_empty() || acl.iter().any(grants) { Ok(()) } else { Err(KeeperCode::NO_AUTH) }
}

fn matches(id: &Id, wanted: &str) -> bool {
    if id.scheme != "ip" {
        return id.id == wanted;
    }
    id.id == wanted || is_in_network(&id.id, wanted).unwrap_or(false)
}

/// Whether `address` is in `network`, as `10.0.0.0/8`.
fn is_in_network(address: &str, network: &str) -> Option<bool> {
    let (network, bits) = network.split_once('/').unwrap_or((network, "32"));
    let bits: u32 = bits.parse().ok().filter(|bits| *bits <= 32)?;
    let different = ipv4(address)? ^ ipv4(network)?;
    Some(different.checked_shr(32 - bits).unwrap_or(0) == 0)
}

/// An address in dotted decimals.
fn ipv4(text: &str) -> Option<u32> {
    let bytes = text.split('.').map(str::parse::<u8>).collect::<Result<Vec<_>, _>>().ok()?;
    <[u8; 4]>::try_from(bytes).ok().map(u32::from_be_bytes)
}

/// The ACL as it is stored: without repetitions, `auth` replaced by who the client proved to be.
/// Every entry must say something that this server knows.
pub(super) fn fix_up(acl: &[Acl], ids: &[Id]) -> Result<Vec<Acl>, KeeperCode> {
    let mut fixed: Vec<Acl> = Vec::with_capacity(acl.len());
    let mut add = |entry: Acl| {
        if !fixed.contains(&entry) {
            fixed.push(entry);
        }
    };
    for entry in acl {
        let id = &entry.id.id;
        let is_known = match entry.id.scheme.as_str() {
            "world" => id == "anyone",
            "digest" => id.split(':').count() == 2,
            "ip" => id.split('/').next().is_some_and(|address| !address.is_empty()),
            "auth" => {
                let mut proved = ids.iter().filter(|id| id.scheme == "digest").peekable();
                let has_proved = proved.peek().is_some();
                proved.for_each(|id| add(Acl { perms: entry.perms, id: id.clone() }));
                if has_proved {
                    continue;
                }
                false
            }
            _ => false,
        };
        if !is_known {
            return Err(KeeperCode::INVALID_ACL);
        }
        add(entry.clone());
    }
    if fixed.is_empty() { Err(KeeperCode::INVALID_ACL) } else { Ok(fixed) }
}

/// The ACL as somebody sees it who may not administer the znode: without the hashes of passwords.
pub(super) fn masked(acl: Vec<Acl>) -> Vec<Acl> {
    let mask = |mut entry: Acl| {
        if entry.id.scheme == "digest"
            && let Some(colon) = entry.id.id.find(':')
        {
            entry.id.id.replace_range(colon.., ":x");
        }
        entry
    };
    acl.into_iter().map(mask).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::zookeeper::permission;

    fn acl(perms: i32, scheme: &str, id: &str) -> Acl {
        Acl { perms, id: Id { scheme: scheme.to_owned(), id: id.to_owned() } }
    }

    #[test]
    fn a_digest_is_the_one_of_zookeepers_documentation() {
        let id = digest_id(b"super:test");
        assert_eq!(id.id, "super:D/InIHSb7yEEbrWz8b9l71RjZJU=");
        let list = [acl(permission::ALL, "digest", &id.id)];
        assert_eq!(check(&list, permission::READ, &[id]), Ok(()));
        assert_eq!(
            check(&list, permission::READ, &[digest_id(b"super:other")]),
            Err(KeeperCode::NO_AUTH)
        );
    }

    #[test]
    fn an_entry_grants_only_its_own_permissions() {
        let list =
            [acl(permission::READ, "world", "anyone"), acl(permission::ALL, "ip", "10.1.0.0/16")];
        assert_eq!(check(&list, permission::READ, &[]), Ok(()));
        assert_eq!(check(&list, permission::WRITE, &[ip_id("10.2.0.1")]), Err(KeeperCode::NO_AUTH));
        assert_eq!(check(&list, permission::WRITE, &[ip_id("10.1.2.3")]), Ok(()));
        assert_eq!(check(&list, permission::WRITE, &[ip_id("broker-1")]), Err(KeeperCode::NO_AUTH));
        let host = [acl(permission::ALL, "ip", "broker-1")];
        assert_eq!(check(&host, permission::WRITE, &[ip_id("broker-1")]), Ok(()));
    }

    #[test]
    fn auth_becomes_who_the_client_proved_to_be() {
        let me = digest_id(b"me:secret");
        let asked = [acl(permission::ALL, "auth", "")];
        let fixed = fix_up(&asked, &[ip_id("a"), me.clone()]);
        assert_eq!(fixed, Ok(vec![acl(permission::ALL, "digest", &me.id)]));
        assert_eq!(fix_up(&asked, &[ip_id("a")]), Err(KeeperCode::INVALID_ACL));
        for bad in [acl(31, "world", "me"), acl(31, "digest", "me"), acl(31, "sasl", "me")] {
            assert_eq!(fix_up(&[bad], &[]), Err(KeeperCode::INVALID_ACL));
        }
        assert_eq!(fix_up(&[], &[]), Err(KeeperCode::INVALID_ACL));
        assert_eq!(masked(vec![acl(1, "digest", "me:hash")]), [acl(1, "digest", "me:x")]);
    }
}

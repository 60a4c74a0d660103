//! Which versions of each API the other side speaks.
//!
//! In Kafka: org.apache.kafka.clients.NodeApiVersions.

use crate::base::SortedMap;
use crate::wire::kafka::{ApiKey, ApiVersionsResponse};

/// The versions that one node advertised.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct NodeApiVersions {
    ranges: SortedMap<i16, (i16, i16)>,
}

impl NodeApiVersions {
    /// What `response` advertises.
    pub fn of(response: &ApiVersionsResponse) -> Self {
        let ranges = response.api_keys.iter();
        Self {
            ranges: ranges.map(|api| (api.api_key, (api.min_version, api.max_version))).collect(),
        }
    }

    /// A node of our own line, which speaks what we speak.
    pub fn same_as_ours() -> Self {
        let ours = ApiKey::ALL.iter();
        let range = |api: &ApiKey| (*api.versions().start(), *api.versions().end());
        Self { ranges: ours.map(|api| (*api as i16, range(api))).collect() }
    }

    /// The highest version of `api` that both sides speak, or `wanted` if both speak that.
    pub fn choose(&self, api: ApiKey, wanted: Option<i16>) -> Option<i16> {
        let (low, high) = self.ranges.get(&(api as i16))?;
        let (low, high) = ((*low).max(*api.versions().start()), (*high).min(*api.versions().end()));
        let version = wanted.unwrap_or(high);
        (low..=high).contains(&version).then_some(version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::kafka::ApiVersion;

    #[test]
    fn the_highest_common_version_is_chosen() {
        let advertised = |min_version, max_version| {
            let api_keys = vec![ApiVersion { api_key: 1, min_version, max_version }];
            NodeApiVersions::of(&ApiVersionsResponse { api_keys, ..Default::default() })
        };
        assert_eq!(advertised(0, 99).choose(ApiKey::Fetch, None), Some(12));
        assert_eq!(advertised(0, 4).choose(ApiKey::Fetch, None), Some(4));
        assert_eq!(advertised(0, 4).choose(ApiKey::Fetch, Some(2)), Some(2));
        assert_eq!(advertised(0, 4).choose(ApiKey::Fetch, Some(5)), None);
        assert_eq!(advertised(13, 15).choose(ApiKey::Fetch, None), None);
        assert_eq!(advertised(0, 4).choose(ApiKey::Produce, None), None);
        assert_eq!(NodeApiVersions::same_as_ours().choose(ApiKey::AlterIsr, None), Some(0));
    }
}

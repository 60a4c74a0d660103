//! Reading the gateway's command line.

use kafkarium::base::trace::LogLevel;

/// What a wrong command line is answered with.
pub(super) const USAGE: &str = "\
usage: gateway [OPTION VALUE]...
  --brokers N           brokers, from 1 to 20 (3)
  --zookeepers N        ZooKeeper servers, from 1 to 7 (1)
  --kafka-port PORT     port of the first broker; the others count up (9092)
  --zookeeper-port PORT port of the first ZooKeeper server; the others count up (2181)
  --data DIR            keep the volumes as files in DIR/PROCESS; without it they are in memory
  --script FILE         obey the lines of FILE: world actions, `wait SECONDS`, `quit`
  --bind ADDRESS        listen on this address (127.0.0.1)
  --override KEY=VALUE  a setting of every broker, as kafka-server-start.sh has it; may be repeated
  --volume-mib N        room on each volume (1024)
  --log LEVEL           tell the servers' log on standard error: info, warn or error
  --seed N              seed of every random stream (the time)
Standard input takes the same lines as a script.";

/// The command line.
pub(super) struct Options {
    pub brokers: u16,
    pub zookeepers: u16,
    pub kafka_port: u16,
    pub zookeeper_port: u16,
    pub data: Option<String>,
    pub script: Option<String>,
    pub bind: String,
    pub overrides: Vec<(String, String)>,
    pub volume_mib: u64,
    pub log: Option<LogLevel>,
    pub seed: Option<u64>,
}

impl Options {
    /// Reads the words after the program's name.
    pub fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            brokers: 3,
            zookeepers: 1,
            kafka_port: 9092,
            zookeeper_port: 2181,
            data: None,
            script: None,
            bind: "127.0.0.1".to_owned(),
            overrides: Vec::new(),
            volume_mib: 1024,
            log: None,
            seed: None,
        };
        while let Some(option) = words.next() {
            let value = words.next().ok_or_else(|| format!("{option} needs a value"))?;
            options.set(&option, value)?;
        }
        check("--zookeepers", options.zookeepers, 7)?;
        check("--brokers", options.brokers, 20)?;
        for (port, count) in
            [(options.kafka_port, options.brokers), (options.zookeeper_port, options.zookeepers)]
        {
            if port == 0 || port.checked_add(count - 1).is_none() {
                return Err(format!("there are no {count} ports from {port} on"));
            }
        }
        Ok(options)
    }

    fn set(&mut self, option: &str, value: String) -> Result<(), String> {
        match option {
            "--brokers" => self.brokers = number(option, &value)?,
            "--zookeepers" => self.zookeepers = number(option, &value)?,
            "--kafka-port" => self.kafka_port = number(option, &value)?,
            "--zookeeper-port" => self.zookeeper_port = number(option, &value)?,
            "--data" => self.data = Some(value),
            "--script" => self.script = Some(value),
            "--bind" => self.bind = value,
            "--override" => {
                let pair = value.split_once('=');
                let (key, setting) =
                    pair.ok_or_else(|| format!("{option} {value}: no KEY=VALUE"))?;
                self.overrides.push((key.to_owned(), setting.to_owned()));
            }
            "--volume-mib" => self.volume_mib = number(option, &value)?,
            "--log" => {
                self.log = Some(match value.as_str() {
                    "info" => LogLevel::Info,
                    "warn" => LogLevel::Warn,
                    "error" => LogLevel::Error,
                    _ => return Err(format!("{option} {value}: info, warn or error")),
                });
            }
            "--seed" => self.seed = Some(number(option, &value)?),
            _ => return Err(format!("{option} is not an option")),
        }
        Ok(())
    }
}

fn number<T: std::str::FromStr>(option: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("{option} {value}: no number in range"))
}

fn check(option: &str, value: u16, most: u16) -> Result<(), String> {
    if (1..=most).contains(&value) { Ok(()) } else { Err(format!("{option}: from 1 to {most}")) }
}

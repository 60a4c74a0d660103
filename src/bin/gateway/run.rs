//! Command line of the gateway.

use kafkarium::base::{Endpoint, Span, limits};
use kafkarium::host::LocalHost;
use kafkarium::host::tcp::{DataDir, Gateway, Port, Said};
use kafkarium::world::{World, WorldConfig, launch};
use std::io::{self, BufRead, Write};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

const USAGE: &str = "usage: gateway [--brokers N] [--zookeepers N] [--kafka-port P] \
    [--zookeeper-port P] [--data DIR] [--script FILE] [--bind ADDRESS] [--seed N]";

/// Virtual time that a process has to stop cleanly.
const STOP_PATIENCE: Span = Span::from_secs(10);

struct Options {
    brokers: u16,
    zookeepers: u16,
    kafka_port: u16,
    zookeeper_port: u16,
    data: Option<String>,
    script: Option<String>,
    bind: String,
    seed: u64,
}

impl Options {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            brokers: 3,
            zookeepers: 1,
            kafka_port: 9092,
            zookeeper_port: 2181,
            data: None,
            script: None,
            bind: "127.0.0.1".to_owned(),
            seed: 1,
        };
        while let Some(option) = words.next() {
            let value = words.next().ok_or_else(|| format!("{option} needs a value"))?;
            let number =
                || value.parse::<u16>().map_err(|_| format!("{option} {value}: no number"));
            match option.as_str() {
                "--brokers" => options.brokers = number()?,
                "--zookeepers" => options.zookeepers = number()?,
                "--kafka-port" => options.kafka_port = number()?,
                "--zookeeper-port" => options.zookeeper_port = number()?,
                "--data" => options.data = Some(value),
                "--script" => options.script = Some(value),
                "--bind" => options.bind = value,
                "--seed" => options.seed = u64::from(number()?),
                _ => return Err(format!("{option} is not an option")),
            }
        }
        if options.zookeepers == 0 || options.zookeepers > 7 {
            return Err("--zookeepers: from 1 to 7".to_owned());
        }
        if options.brokers == 0 || options.brokers > 20 {
            return Err("--brokers: from 1 to 20".to_owned());
        }
        Ok(options)
    }
}

/// Runs the gateway until its input ends with `quit`.
pub(super) fn main() -> ExitCode {
    match Options::parse(std::env::args().skip(1)).and_then(|options| serve(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            print_to(&mut io::stderr(), &format!("{why}\n{USAGE}"));
            ExitCode::from(2)
        }
    }
}

fn serve(options: &Options) -> Result<(), String> {
    let mut config = WorldConfig::gateway(
        usize::from(options.brokers),
        usize::from(options.zookeepers),
        options.seed,
        options.kafka_port,
        options.zookeeper_port,
    );
    config.epoch = kafkarium::base::Time::from_millis(real_millis());
    let world = World::new(config);
    let data = options.data.as_ref().map(DataDir::open).transpose();
    let data = data.map_err(|error| format!("--data: {error}"))?;
    let specs: Vec<_> = world.specs().cloned().collect();
    let mut host = LocalHost::new(world, launch);
    if let Some(data) = &data {
        for spec in specs {
            let volume = data.load(&spec.name).map_err(|error| format!("--data: {error}"))?;
            host.give_volume(spec.id, volume);
        }
    }
    let brokers = (0..options.brokers).map(|n| (options.kafka_port + n, limits::FRAME_BYTES_MAX));
    let zookeepers =
        (0..options.zookeepers).map(|n| (options.zookeeper_port + n, limits::JUTE_BYTES_MAX));
    let ports: Vec<Port> = brokers
        .chain(zookeepers)
        .map(|(port, frame_bytes_max)| Port {
            endpoint: Endpoint::new("localhost", port),
            frame_bytes_max,
        })
        .collect();
    let mut gateway = Gateway::open(host, &options.bind, &ports, data)
        .map_err(|error| format!("{}: {error}", options.bind))?;
    let listening: Vec<String> = ports.iter().map(|port| port.endpoint.port.to_string()).collect();
    print_to(&mut io::stdout(), &format!("listening on {} {}", options.bind, listening.join(" ")));
    read_lines(&gateway, options.script.as_deref())?;
    let mut say = |said| {
        if let Said::Answer(outcome) = said {
            match outcome {
                Ok(text) => print_to(&mut io::stdout(), &text),
                Err(why) => print_to(&mut io::stderr(), &why),
            }
        }
    };
    while gateway.serve(&mut say) {}
    gateway.stop(STOP_PATIENCE);
    Ok(())
}

/// Feeds the script, then the terminal, to the gateway.
fn read_lines(gateway: &Gateway, script: Option<&str>) -> Result<(), String> {
    let obey = gateway.lines();
    if let Some(file) = script {
        let text = std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
        text.lines().filter(|line| !line.starts_with('#')).for_each(|line| obey(line.to_owned()));
    }
    #[expect(clippy::disallowed_methods, reason = "the terminal blocks; the world does not")]
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            obey(line);
        }
    });
    Ok(())
}

fn real_millis() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "the gateway's world begins now")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(0)
}

fn print_to(out: &mut dyn Write, text: &str) {
    // A closed pipe leaves nobody to tell.
    let _ = writeln!(out, "{text}");
    let _ = out.flush();
}

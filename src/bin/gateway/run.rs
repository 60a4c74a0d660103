//! The gateway's life: opening, serving, stopping.

#[path = "options.rs"]
mod options;

use kafkarium::base::{Endpoint, Span, Time};
use kafkarium::host::LocalHost;
use kafkarium::host::tcp::{DataDir, Gateway, LineSource, Port, Protocol, Said};
use kafkarium::node::Program;
use kafkarium::world::{World, WorldConfig, launch};
use options::{Options, USAGE};
use std::io::{self, BufRead, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Virtual time that processes have to stop cleanly.
const STOP_PATIENCE: Span = Span::from_secs(30);

/// Runs the gateway until it is told to quit, or a signal ends it.
pub(super) fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(why) => {
            print_to(&mut io::stderr(), &format!("{why}\n{USAGE}"));
            return ExitCode::from(2);
        }
    };
    match serve(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            print_to(&mut io::stderr(), &why);
            ExitCode::FAILURE
        }
    }
}

fn serve(options: &Options) -> Result<(), String> {
    let data = options.data.as_ref().map(DataDir::open).transpose();
    let data = data.map_err(|error| format!("--data: {error}"))?;
    let mut gateway = open(options, data)?;
    on_signal(gateway.stopper())?;
    read_lines(&gateway, options.script.as_deref())?;
    let mut say = |said| match said {
        Said::Answer(Ok(text)) => print_to(&mut io::stdout(), &text),
        Said::Answer(Err(text)) | Said::Ended(text) | Said::Logged(text) => {
            print_to(&mut io::stderr(), &text);
        }
    };
    let stored = |error| format!("--data: {error}");
    while gateway.serve(&mut say).map_err(stored)? {}
    gateway.stop(STOP_PATIENCE).map_err(stored)?;
    print_to(&mut io::stdout(), "stopped");
    Ok(())
}

/// A gateway whose ports are open.
fn open(options: &Options, data: Option<DataDir>) -> Result<Gateway, String> {
    let real = real_time();
    let mut config = WorldConfig::gateway(
        usize::from(options.brokers),
        usize::from(options.zookeepers),
        // A gateway that was started again must not draw the numbers of its last life once more:
        // what is on its volumes has names made of them.
        options.seed.unwrap_or_else(|| real.as_micros()),
        options.kafka_port,
        options.zookeeper_port,
    );
    config.epoch = real;
    for process in &mut config.processes {
        if process.program == Program::Broker {
            options.overrides.iter().for_each(|(key, value)| process.properties.set(key, value));
        }
    }
    let ports: Vec<Port> = config.processes.iter().map(|p| port_of(options, &p.name)).collect();
    let world = World::new(config);
    let specs: Vec<_> = world.specs().cloned().collect();
    let mut host = LocalHost::new(world, launch);
    let room = options.volume_mib.saturating_mul(1024 * 1024);
    for spec in specs {
        let volume = match &data {
            Some(data) => {
                data.load(&spec.name, room).map_err(|error| format!("--data: {error}"))?
            }
            None => kafkarium::disk::Volume::with_room(room),
        };
        host.give_volume(spec.id, volume);
    }
    let mut gateway = Gateway::open(host, &options.bind, &ports, data)
        .map_err(|error| format!("{}: {error}", options.bind))?;
    gateway.tell_log(options.log);
    for (kind, protocol) in [("kafka", Protocol::Kafka), ("zookeeper", Protocol::ZooKeeper)] {
        let of_kind = ports.iter().filter(|port| port.protocol == protocol);
        let list: Vec<_> =
            of_kind.map(|p| format!("{}:{}", options.bind, p.endpoint.port)).collect();
        print_to(&mut io::stdout(), &format!("{kind} {}", list.join(",")));
    }
    Ok(gateway)
}

/// The port of the process called `name`, which ends with its number.
fn port_of(options: &Options, name: &str) -> Port {
    let (kind, number) = name.rsplit_once('-').unwrap_or((name, "1"));
    let place = number.parse::<u16>().unwrap_or(1) - 1;
    let (first, protocol) = match kind {
        "zookeeper" => (options.zookeeper_port, Protocol::ZooKeeper),
        _ => (options.kafka_port, Protocol::Kafka),
    };
    let endpoint = Endpoint::new("localhost", first + place);
    Port { endpoint, process: name.to_owned(), protocol }
}

/// The first signal stops the brokers cleanly, the second ends everything at once.
fn on_signal(stop: impl Fn() + Send + 'static) -> Result<(), String> {
    let stopping = AtomicBool::new(false);
    let handler = move || {
        if stopping.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        stop();
    };
    ctrlc::set_handler(handler).map_err(|error| format!("signals: {error}"))
}

/// Feeds the script and the terminal to the gateway.
fn read_lines(gateway: &Gateway, script: Option<&str>) -> Result<(), String> {
    if let Some(file) = script {
        let obey = gateway.lines(LineSource::Script);
        let text = std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
        text.lines().for_each(|line| obey(line.to_owned()));
    }
    let obey = gateway.lines(LineSource::Terminal);
    #[expect(clippy::disallowed_methods, reason = "the terminal blocks; the world does not")]
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            obey(line);
        }
    });
    Ok(())
}

fn real_time() -> Time {
    #[expect(clippy::disallowed_methods, reason = "the gateway's world begins now")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::from_micros(u64::try_from(now.as_micros()).unwrap_or(0))
}

fn print_to(out: &mut dyn Write, text: &str) {
    // A closed pipe leaves nobody to tell.
    let _ = writeln!(out, "{text}");
    let _ = out.flush();
}

//! Sockets that take what somebody else sends: none but on the loopback addresses.
//!
//! What is read is the kernel's own list, which needs no rights. Unix sockets stay on the machine and do not count.

use super::{Look, Root};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The lists below `/proc/net`, and whether a machine must have them.
const LISTS: [(&str, bool); 8] = [
    ("tcp", true),
    ("udp", true),
    ("raw", true),
    ("tcp6", false),
    ("udp6", false),
    ("raw6", false),
    ("udplite", false),
    ("udplite6", false),
];
/// `TCP_LISTEN` and `TCP_CLOSE` (Linux, `include/net/tcp_states.h`); the second is that of a socket without a peer.
const LISTEN: u8 = 10;
const UNCONNECTED: u8 = 7;
/// `IPPROTO_ICMPV6`: by it a machine hears of routers and neighbours.
const ICMPV6: u16 = 58;

/// A line of one of the lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Socket {
    local: SocketAddr,
    state: u8,
    uid: u32,
}

/// Looks at the sockets of this machine.
pub fn look(root: &Root) -> Look {
    let mut look = Look::default();
    for (list, must) in LISTS {
        let path = format!("/proc/net/{list}");
        match root.text(&path) {
            Ok(text) => judge(&mut look, list, &text),
            // Without IPv6 there is no list of its sockets.
            Err(error) if error.is_absent() && !must => {}
            Err(error) => look.blind(error),
        }
    }
    match root.text("/proc/net/packet") {
        Ok(text) => packets(&mut look, &text),
        Err(error) if error.is_absent() => {}
        Err(error) => look.blind(error),
    }
    look
}

fn judge(look: &mut Look, list: &str, text: &str) {
    let mut open = 0;
    for line in text.lines().skip(1).filter(|line| !line.trim().is_empty()) {
        let Some(socket) = parse(line) else {
            look.blind(format_args!("/proc/net/{list} has a line that can not be read: {}", line.trim()));
            continue;
        };
        let wanted = if list.starts_with("tcp") { LISTEN } else { UNCONNECTED };
        if socket.state != wanted || is_loopback(socket.local.ip()) {
            continue;
        }
        let what = format!("/proc/net/{list}: {} of user {}", socket.local, socket.uid);
        match explained(list, &socket) {
            Some(why) => look.fact(format_args!("{what}: {why}")),
            None => {
                open += 1;
                look.fault(what);
            }
        }
    }
    if open == 0 {
        look.fact(format_args!("/proc/net/{list}: nothing takes what others send"));
    }
}

/// What a machine that only asks needs, too: the answers of DHCP, and of the routers around. Only root can have these
/// sockets, NetworkManager makes them while it has a network, and the firewall is asked as well before they get anything.
fn explained(list: &str, socket: &Socket) -> Option<&'static str> {
    match (list, socket.local.port(), socket.uid) {
        ("udp", 68, 0) => Some("the DHCP client's, for answers only"),
        ("udp6", 546, 0) => Some("the DHCPv6 client's, for answers only"),
        ("raw6", ICMPV6, 0) => Some("the neighbour discovery of IPv6"),
        _ => None,
    }
}

/// A packet socket sees what the firewall would drop. NetworkManager's DHCP client has one until it has an address.
fn packets(look: &mut Look, text: &str) {
    for line in text.lines().skip(1).filter(|line| !line.trim().is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match (words.get(3), words.get(7)) {
            (Some(protocol), Some(&"0")) => look.fact(format_args!(
                "/proc/net/packet: protocol {protocol} of root: DHCP and link discovery are done so"
            )),
            (Some(protocol), Some(uid)) => {
                look.fault(format_args!("/proc/net/packet: protocol {protocol} of user {uid}"));
            }
            _ => look.blind(format_args!("/proc/net/packet has a line that can not be read: {}", line.trim())),
        }
    }
}

/// proc_net(5): number, local address, remote address, state, queues, timers, retransmissions, user, …
fn parse(line: &str) -> Option<Socket> {
    let mut words = line.split_whitespace();
    let local = address(words.nth(1)?)?;
    let state = u8::from_str_radix(words.nth(1)?, 16).ok()?;
    Some(Socket { local, state, uid: words.nth(3)?.parse().ok()? })
}

/// Words of four bytes in the order of this processor, and the port.
fn address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let words: Option<Vec<u32>> =
        (0..address.len() / 8).map(|word| u32::from_str_radix(address.get(word * 8..word * 8 + 8)?, 16).ok()).collect();
    let bytes: Vec<u8> = words?.into_iter().flat_map(u32::to_ne_bytes).collect();
    let ip = match bytes.len() {
        4 => IpAddr::from(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?)),
        16 => IpAddr::from(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?)),
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";

    fn faults(list: &str, lines: &str) -> Vec<String> {
        let mut look = Look::default();
        judge(&mut look, list, &format!("{HEAD}{lines}"));
        assert!(look.unread.is_empty(), "{look:?}");
        look.faults
    }

    /// A line with this address and state.
    fn line(local: &str, state: &str, uid: u32) -> String {
        format!(
            "   0: {local} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000  {uid}        0 12 1 0 100\n"
        )
    }

    #[test]
    fn what_listens_everywhere_is_a_fault_and_on_loopback_it_is_none() {
        assert_eq!(faults("tcp", &line("00000000:1F40", "0A", 33)), ["/proc/net/tcp: 0.0.0.0:8000 of user 33"]);
        assert!(faults("tcp", &line("0100007F:0277", "0A", 0)).is_empty());
        assert!(faults("tcp", &line("3500007F:0035", "0A", 0)).is_empty());
        assert!(faults("tcp6", &line("00000000000000000000000001000000:0277", "0A", 0)).is_empty());
        assert!(faults("tcp6", &line("0000000000000000FFFF00000100007F:0277", "0A", 0)).is_empty());
        assert_eq!(faults("tcp6", &line("00000000000000000000000000000000:0016", "0A", 0)).len(), 1);
    }

    #[test]
    fn a_connection_that_this_machine_made_is_no_listener() {
        assert!(faults("tcp", &line("0F02000A:D3C4", "01", 1000)).is_empty());
        assert!(faults("udp", &line("0F02000A:D3C4", "01", 1000)).is_empty());
    }

    #[test]
    fn the_dhcp_client_is_explained_if_it_is_roots_and_other_datagrams_are_not() {
        assert!(faults("udp", &line("0F02000A:0044", "07", 0)).is_empty());
        assert_eq!(faults("udp", &line("0F02000A:0044", "07", 1000)).len(), 1);
        assert_eq!(faults("udp", &line("00000000:14E9", "07", 0)), ["/proc/net/udp: 0.0.0.0:5353 of user 0"]);
        assert!(faults("raw6", &line("00000000000000000000000000000000:003A", "07", 0)).is_empty());
        assert_eq!(faults("raw", &line("00000000:0001", "07", 0)).len(), 1);
    }

    #[test]
    fn a_line_of_another_form_is_no_proof() {
        let mut look = Look::default();
        judge(&mut look, "tcp", &format!("{HEAD}  0: nonsense\n"));
        assert_eq!(look.unread.len(), 1);
    }

    #[test]
    fn a_packet_socket_of_an_ordinary_user_is_a_fault() {
        let head = "sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n";
        let line = |uid| format!("{head}000000002c27f1ec 3      3    0003   2     1 0      {uid}      27381\n");
        let faults = |text: String| {
            let mut look = Look::default();
            packets(&mut look, &text);
            look.faults.len()
        };
        assert_eq!((faults(line(0)), faults(line(1000)), faults(head.into())), (0, 1, 0));
    }
}

// SPDX-License-Identifier: GPL-2.0
/*
 * The fast path: relays the packets of settled RTP flows, and leaves everything else to the relay.
 *
 * A flow is who sends to which of our ports (both addresses, both ports). Any reason not to handle a
 * packet is the same answer: it goes up as if this program were not there. Nothing is dropped here.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>

#include "abi.h"

#define SEC(name) __attribute__((section(name), used))
#define INLINE static inline __attribute__((always_inline))
#define be16(value) __builtin_bswap16(value)
#define be32(value) __builtin_bswap32(value)
/* A map's definition as BTF: the number is an array's length, the type a pointer's. */
#define NUMBER(name, value) int(*name)[value]
#define TYPE(name, value) typeof(value) *name

static void *(*map_lookup)(void *, const void *) = (void *)BPF_FUNC_map_lookup_elem;
static __u64 (*clock_ns)(void) = (void *)BPF_FUNC_ktime_get_ns;
static long (*pull_data)(struct __sk_buff *, __u32) = (void *)BPF_FUNC_skb_pull_data;
static long (*replace_l4_checksum)(struct __sk_buff *, __u32, __u64, __u64, __u64) =
	(void *)BPF_FUNC_l4_csum_replace;
static long (*update_checksum)(struct __sk_buff *, __u32) = (void *)BPF_FUNC_csum_update;
static long (*redirect)(__u32, __u64) = (void *)BPF_FUNC_redirect;
static long (*redirect_neighbour)(__u32, struct bpf_redir_neigh *, int, __u64) =
	(void *)BPF_FUNC_redirect_neigh;

enum { FAMILY_4 = 2, FAMILY_6 = 10, PINNED_BY_NAME = 1, MORE_FRAGMENTS_OR_OFFSET = 0x3fff };

struct {
	NUMBER(type, BPF_MAP_TYPE_HASH);
	NUMBER(max_entries, MAX_FLOWS);
	NUMBER(map_flags, BPF_F_NO_PREALLOC);
	NUMBER(pinning, PINNED_BY_NAME);
	TYPE(key, struct key4);
	TYPE(value, struct flow);
} flows4 SEC(".maps");

struct {
	NUMBER(type, BPF_MAP_TYPE_HASH);
	NUMBER(max_entries, MAX_FLOWS);
	NUMBER(map_flags, BPF_F_NO_PREALLOC);
	NUMBER(pinning, PINNED_BY_NAME);
	TYPE(key, struct key6);
	TYPE(value, struct flow);
} flows6 SEC(".maps");

struct {
	NUMBER(type, BPF_MAP_TYPE_ARRAY);
	NUMBER(max_entries, MAX_HOPS);
	NUMBER(pinning, PINNED_BY_NAME);
	TYPE(key, __u32);
	TYPE(value, struct hop);
} hops SEC(".maps");

/* RFC 3550 section 5.1. */
struct rtp {
	__u8 first;
	__u8 second;
	__be16 sequence;
	__be32 timestamp;
	__be32 ssrc;
};

/* A packet that is ours to relay, looked at and not yet changed. */
struct parcel {
	struct flow *flow;
	struct hop *hop;
	struct ethhdr *ethernet;
	struct udphdr *udp;
	struct rtp *rtp;
	__u64 now;
	/* Whether the sender has left the checksum to the device (CHECKSUM_PARTIAL): it then is the
	 * pseudo header's sum, which a finished one equals once in 65,536 packets. */
	int unfinished;
	int leased;
	/* What changes in the sum over the packet that a device may have given (CHECKSUM_COMPLETE). */
	__u32 complete_delta;
};

/* RFC 1071: the end-around carry. */
INLINE __u16 fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* RFC 1624 equation 3. */
INLINE __u16 patched(__u16 checksum, __u64 delta)
{
	return ~fold((__u16)~checksum + delta);
}

/* What replacing one 16-bit word by another adds to a sum. */
INLINE __u32 word_delta(__u16 old, __u16 new)
{
	return (__u32)(__u16)~old + new;
}

/* Only RTP as plain as telephones send it: version 2, no padding, no extension, no CSRC, and a
 * payload type of the rule's. RTCP on the same port, STUN, DTLS and the rest are none of it. */
INLINE int is_ours(const struct flow *flow, const struct rtp *rtp)
{
	__u8 type = rtp->second & 0x7f;

	return rtp->first == 0x80 && flow->payload_types[type >> 6] >> (type & 63) & 1;
}

/* Sequence numbers and jitter, RFC 3550 A.1 and A.8. A flow's packets come in on one CPU as a rule
 * (receive hashing); in the moment of a move to another one a packet may go uncounted. */
INLINE void observe(struct flow *flow, const struct rtp *rtp, __u64 now)
{
	__u32 transit = (__u32)(now * flow->clock >> 32) - be32(rtp->timestamp);
	__u16 sequence = be16(rtp->sequence);
	__s16 step = sequence - (__u16)flow->highest;

	if (flow->started && flow->ssrc == rtp->ssrc && step < 3000 && step > -100) {
		__s32 late = transit - flow->transit;

		if (late < 0)
			late = -late;
		flow->jitter += late - ((flow->jitter + 8) >> 4);
		if (step > 0)
			flow->highest += step;
	} else {
		if (flow->started)
			flow->expected += flow->highest - flow->first + 1;
		flow->started = 1;
		flow->ssrc = rtp->ssrc;
		flow->first = flow->highest = sequence;
	}
	flow->transit = transit;
}

INLINE void count(const struct parcel *parcel)
{
	struct flow *flow = parcel->flow;

	flow->packets++;
	flow->bytes += be16(parcel->udp->len) - sizeof(struct udphdr);
	flow->last_seen = parcel->now;
	observe(flow, parcel->rtp, parcel->now);
}

/* Whether the flow's next hop can take a packet of this length. */
INLINE int find_hop(struct parcel *parcel, __u32 length)
{
	__u32 number = parcel->flow->hop;

	parcel->hop = map_lookup(&hops, &number);
	if (!parcel->hop || !parcel->hop->interface || length > parcel->hop->mtu)
		return 0;
	parcel->now = clock_ns();
	parcel->leased = parcel->hop->lease > parcel->now;
	return 1;
}

INLINE int examine4(struct parcel *parcel, void *data, void *end)
{
	struct ethhdr *ethernet = data;
	struct iphdr *ip = (void *)(ethernet + 1);
	struct udphdr *udp = (void *)(ip + 1);
	struct rtp *rtp = (void *)(udp + 1);

	if ((void *)(rtp + 1) > end || ip->version != 4 || ip->ihl != 5 || ip->protocol != IPPROTO_UDP)
		return 0;
	if (ip->frag_off & be16(MORE_FRAGMENTS_OR_OFFSET) || ip->ttl <= 1)
		return 0;
	__u32 length = be16(ip->tot_len);
	if (be16(udp->len) + sizeof(*ip) != length || length < sizeof(*ip) + sizeof(*udp) + sizeof(*rtp))
		return 0;
	struct key4 key = {
		.local = ip->daddr,
		.remote = ip->saddr,
		.local_port = udp->dest,
		.remote_port = udp->source,
	};
	struct flow *flow = map_lookup(&flows4, &key);
	if (!flow || !is_ours(flow, rtp))
		return 0;
	parcel->flow = flow;
	parcel->ethernet = ethernet;
	parcel->udp = udp;
	parcel->rtp = rtp;
	__u64 pseudo = (__u64)ip->saddr + ip->daddr + be16(IPPROTO_UDP) + udp->len;
	parcel->unfinished = udp->check && fold(pseudo) == udp->check;
	return find_hop(parcel, length);
}

INLINE void rewrite4(struct parcel *parcel)
{
	struct iphdr *ip = (void *)(parcel->ethernet + 1);
	struct flow *flow = parcel->flow;
	__u16 *first = (void *)ip, *lifetime = (void *)&ip->ttl;
	__u16 old_first = *first, old_lifetime = *lifetime;

	ip->tos = flow->traffic_class | (ip->tos & 3);
	ip->ttl--;
	ip->saddr = flow->from[0];
	ip->daddr = flow->to[0];
	ip->check = patched(ip->check, (__u64)flow->address_delta + word_delta(old_first, *first) +
					       word_delta(old_lifetime, *lifetime));
	/* The header's sum is what it was; UDP's has lost what its pseudo header has gained. */
	parcel->complete_delta =
		parcel->udp->check ? (__u16)~flow->address_delta : flow->port_delta;
}

INLINE int examine6(struct parcel *parcel, void *data, void *end)
{
	struct ethhdr *ethernet = data;
	struct ipv6hdr *ip = (void *)(ethernet + 1);
	struct udphdr *udp = (void *)(ip + 1);
	struct rtp *rtp = (void *)(udp + 1);

	if ((void *)(rtp + 1) > end || ip->version != 6 || ip->nexthdr != IPPROTO_UDP)
		return 0;
	/* RFC 8200 section 8.1: UDP over IPv6 has a checksum. */
	if (ip->hop_limit <= 1 || udp->len != ip->payload_len || !udp->check)
		return 0;
	__u32 length = be16(ip->payload_len);
	if (length < sizeof(*udp) + sizeof(*rtp))
		return 0;
	struct key6 key = { .local_port = udp->dest, .remote_port = udp->source };
	__builtin_memcpy(key.local, &ip->daddr, sizeof(key.local));
	__builtin_memcpy(key.remote, &ip->saddr, sizeof(key.remote));
	struct flow *flow = map_lookup(&flows6, &key);
	if (!flow || !is_ours(flow, rtp))
		return 0;
	parcel->flow = flow;
	parcel->ethernet = ethernet;
	parcel->udp = udp;
	parcel->rtp = rtp;
	__u64 pseudo = (__u64)be16(IPPROTO_UDP) + udp->len;
#pragma unroll
	for (int at = 0; at < 4; at++)
		pseudo += (__u64)key.local[at] + key.remote[at];
	parcel->unfinished = fold(pseudo) == udp->check;
	return find_hop(parcel, length + sizeof(*ip));
}

INLINE void rewrite6(struct parcel *parcel)
{
	struct ipv6hdr *ip = (void *)(parcel->ethernet + 1);
	struct flow *flow = parcel->flow;
	__u16 *first = (void *)ip, *lifetime = (void *)&ip->nexthdr;
	__u16 old_first = *first, old_lifetime = *lifetime;
	__u16 class = flow->traffic_class | (be16(old_first) >> 4 & 3);

	*first = be16((be16(old_first) & 0xf00f) | class << 4);
	ip->hop_limit--;
	__builtin_memcpy(&ip->saddr, flow->from, sizeof(flow->from));
	__builtin_memcpy(&ip->daddr, flow->to, sizeof(flow->to));
	parcel->complete_delta =
		fold((__u64)word_delta(old_first, *first) + word_delta(old_lifetime, *lifetime));
}

/* Ports, and the link addresses where they are known. */
INLINE void address(const struct parcel *parcel)
{
	parcel->udp->source = parcel->flow->from_port;
	parcel->udp->dest = parcel->flow->to_port;
	if (parcel->leased) {
		__builtin_memcpy(parcel->ethernet->h_dest, parcel->hop->destination, ETH_ALEN);
		__builtin_memcpy(parcel->ethernet->h_source, parcel->hop->source, ETH_ALEN);
	}
}

/* UDP's checksum where the sender has computed it. 0 means none, and is never computed. */
INLINE void patch_udp(const struct parcel *parcel)
{
	const struct flow *flow = parcel->flow;

	if (!parcel->udp->check)
		return;
	__u16 sum = patched(parcel->udp->check, (__u64)flow->address_delta + flow->port_delta);
	parcel->udp->check = sum ? sum : 0xffff;
}

INLINE int send_on(struct __sk_buff *skb, const struct parcel *parcel, __u32 header)
{
	struct flow *flow = parcel->flow;
	struct hop *hop = parcel->hop;
	__u32 interface = hop->interface;

	count(parcel);
	address(parcel);
	if (parcel->unfinished) {
		__u32 at = header + __builtin_offsetof(struct udphdr, check);
		__u32 addresses = flow->address_delta, ports = flow->port_delta;

		replace_l4_checksum(skb, at, 0, addresses, BPF_F_PSEUDO_HDR | BPF_F_MARK_MANGLED_0);
		replace_l4_checksum(skb, at, 0, ports, BPF_F_MARK_MANGLED_0);
	} else {
		patch_udp(parcel);
		update_checksum(skb, parcel->complete_delta);
	}
	if (parcel->leased)
		return redirect(interface, 0);
	struct bpf_redir_neigh next = { .nh_family = hop->family };
	__builtin_memcpy(next.ipv6_nh, hop->next, sizeof(hop->next));
	return redirect_neighbour(interface, &next, sizeof(next), 0);
}

/* The packet's first bytes where the program can read them. */
INLINE int linear(struct __sk_buff *skb, __u32 length)
{
	if (skb->data + length <= skb->data_end)
		return 1;
	return skb->len >= length && !pull_data(skb, length);
}

#define HEADERS_4 (sizeof(struct ethhdr) + sizeof(struct iphdr) + sizeof(struct udphdr))
#define HEADERS_6 (sizeof(struct ethhdr) + sizeof(struct ipv6hdr) + sizeof(struct udphdr))

SEC("classifier")
int relay_tc(struct __sk_buff *skb)
{
	struct parcel parcel = {};

	/* Not what this host's link address got (promiscuous mode), several packets in one (UDP
	 * offload), or of a VLAN: that has an interface of its own. */
	if (skb->pkt_type != 0 || skb->gso_size || skb->vlan_present)
		return TC_ACT_UNSPEC;
	if (skb->protocol == be16(ETH_P_IP)) {
		if (!linear(skb, HEADERS_4 + sizeof(struct rtp)))
			return TC_ACT_UNSPEC;
		if (!examine4(&parcel, (void *)(long)skb->data, (void *)(long)skb->data_end))
			return TC_ACT_UNSPEC;
		rewrite4(&parcel);
		return send_on(skb, &parcel, HEADERS_4 - sizeof(struct udphdr));
	}
	if (skb->protocol == be16(ETH_P_IPV6)) {
		if (!linear(skb, HEADERS_6 + sizeof(struct rtp)))
			return TC_ACT_UNSPEC;
		if (!examine6(&parcel, (void *)(long)skb->data, (void *)(long)skb->data_end))
			return TC_ACT_UNSPEC;
		rewrite6(&parcel);
		return send_on(skb, &parcel, HEADERS_6 - sizeof(struct udphdr));
	}
	return TC_ACT_UNSPEC;
}

/* Before the kernel has made a packet buffer: what is the least unusual goes on to relay_tc. */
SEC("xdp")
int relay_xdp(struct xdp_md *context)
{
	void *data = (void *)(long)context->data, *end = (void *)(long)context->data_end;
	struct ethhdr *ethernet = data;
	struct parcel parcel = {};

	if ((void *)(ethernet + 1) > end)
		return XDP_PASS;
	if (ethernet->h_proto == be16(ETH_P_IP)) {
		if (!examine4(&parcel, data, end) || parcel.unfinished || !parcel.leased)
			return XDP_PASS;
		rewrite4(&parcel);
	} else if (ethernet->h_proto == be16(ETH_P_IPV6)) {
		if (!examine6(&parcel, data, end) || parcel.unfinished || !parcel.leased)
			return XDP_PASS;
		rewrite6(&parcel);
	} else {
		return XDP_PASS;
	}
	count(&parcel);
	address(&parcel);
	patch_udp(&parcel);
	return redirect(parcel.hop->interface, 0);
}

char program_license[] SEC("license") = "GPL";

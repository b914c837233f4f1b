/* Phones for the media benchmarks: paced packets from two namespaces into a relay, and what comes back.
 *
 * blast SIDE SIDE PPS SECONDS BURST FIRST LAST, each SIDE being NETNS,DEVICE,MACS,FLOWS,FRAMES:
 *   FLOWS   lines "call source port destination port", the source being the phone, the rest the relay
 *   FRAMES  records of a length (2 bytes, host order) and an RTP packet; every flow sends them in order, from FIRST on
 * A packet that comes back bears the sequence number of its frame, and goes to the port of the other
 * phone of its call: so it is known when it left, encrypted or not. Arrival is the kernel's time stamp.
 * LAST is written: for each packet that came last to a phone: side, call, length (4 bytes each), RTP.
 * One line of JSON on stdout. Sending never waits for receiving; both rings count what they drop.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_FLOWS = 8192, MAX_FRAMES = 8192, MAX_BURST = 64, HEADERS = 42, SLOT = 512, SLOTS = 1 << 16, MICROS = 50000 };

struct flow { int call; uint32_t source, destination; uint16_t from, to; unsigned next; };
struct side {
  struct flow flow[MAX_FLOWS]; unsigned flows, turn;
  uint8_t *frame[MAX_FRAMES]; uint16_t length[MAX_FRAMES]; unsigned frames;
  int out, in; uint8_t *ring; unsigned at; uint8_t mac[2][6];
  int by_port[65536]; /* call of a phone's port, -1: none */
  uint64_t sent, received, strange;
};
static struct side sides[2];
static uint64_t *left[2]; /* when frame n of call c left: left[side][c * MAX_FRAMES + n] */
static uint64_t histogram[MICROS + 1];
static uint8_t last[2][MAX_FLOWS][SLOT]; static int last_length[2][MAX_FLOWS];

static void die(const char *what) { perror(what); exit(1); }
static uint64_t now(void) { struct timespec t; clock_gettime(CLOCK_REALTIME, &t); return t.tv_sec * 1000000000ull + t.tv_nsec; }

static uint32_t sum(const uint8_t *data, unsigned size, uint32_t start) {
  for (; size > 1; data += 2, size -= 2) start += data[0] << 8 | data[1];
  if (size) start += data[0] << 8;
  while (start >> 16) start = (start & 0xffff) + (start >> 16);
  return start;
}

static void read_flows(struct side *one, const char *path) {
  FILE *file = fopen(path, "r"); char source[64], destination[64]; unsigned from, to; struct flow *flow = one->flow;
  if (!file) die(path);
  memset(one->by_port, -1, sizeof one->by_port);
  while (one->flows < MAX_FLOWS && fscanf(file, "%d %63s %u %63s %u", &flow->call, source, &from, destination, &to) == 5) {
    inet_pton(AF_INET, source, &flow->source); inet_pton(AF_INET, destination, &flow->destination);
    flow->from = from; flow->to = to; one->by_port[from] = flow->call; one->flows++; flow++;
  }
  fclose(file);
}

static void read_frames(struct side *one, const char *path) {
  FILE *file = fopen(path, "r"); uint16_t length;
  if (!file) die(path);
  while (one->frames < MAX_FRAMES && fread(&length, 2, 1, file) == 1 && length < SLOT - HEADERS) {
    one->length[one->frames] = length; one->frame[one->frames] = malloc(length);
    if (fread(one->frame[one->frames++], 1, length, file) != length) die(path);
  }
  fclose(file);
}

static void open_sockets(struct side *one, const char *space, const char *device, const char *macs) {
  int home = open("/proc/self/ns/net", O_RDONLY), there = open(space, O_RDONLY), on = 1, version = TPACKET_V2;
  if (home < 0 || there < 0 || setns(there, CLONE_NEWNET)) die(space);
  one->out = socket(AF_PACKET, SOCK_RAW, 0); one->in = socket(AF_PACKET, SOCK_RAW, 0);
  struct sockaddr_ll name = { .sll_family = AF_PACKET, .sll_ifindex = if_nametoindex(device) };
  if (bind(one->out, (void *)&name, sizeof name)) die(device);
  setsockopt(one->out, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on);
  int size = 8 << 20; setsockopt(one->out, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
  struct tpacket_req ring = { .tp_block_size = 1 << 20, .tp_frame_size = SLOT, .tp_block_nr = SLOTS / ((1 << 20) / SLOT), .tp_frame_nr = SLOTS };
  setsockopt(one->in, SOL_PACKET, PACKET_VERSION, &version, sizeof version);
  setsockopt(one->in, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on);
  if (setsockopt(one->in, SOL_PACKET, PACKET_RX_RING, &ring, sizeof ring)) die("ring");
  one->ring = mmap(NULL, (size_t)SLOTS * SLOT, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, one->in, 0);
  name.sll_protocol = htons(ETH_P_IP);
  if (one->ring == MAP_FAILED || bind(one->in, (void *)&name, sizeof name)) die(device);
  setns(home, CLONE_NEWNET); close(home); close(there);
  unsigned octet[12];
  if (sscanf(macs, "%2x%2x%2x%2x%2x%2x%2x%2x%2x%2x%2x%2x", octet, octet + 1, octet + 2, octet + 3, octet + 4, octet + 5, octet + 6, octet + 7, octet + 8, octet + 9, octet + 10, octet + 11) != 12) die("macs");
  for (int i = 0; i < 12; i++) one->mac[i / 6][i % 6] = octet[i];
}

static unsigned build(struct side *one, struct flow *flow, uint8_t *packet) {
  unsigned number = flow->next++ % one->frames, length = one->length[number];
  uint8_t *ip = packet + 14, *udp = packet + 34;
  memcpy(packet, one->mac, 12); packet[12] = 8; packet[13] = 0;
  uint8_t head[20] = { 0x45, 184, (28 + length) >> 8, 28 + length, 0, 0, 0x40, 0, 64, 17 };
  memcpy(ip, head, 20); memcpy(ip + 12, &flow->source, 4); memcpy(ip + 16, &flow->destination, 4);
  uint16_t check = htons(~sum(ip, 20, 0)); memcpy(ip + 10, &check, 2);
  uint8_t ports[8] = { flow->from >> 8, flow->from, flow->to >> 8, flow->to, (8 + length) >> 8, 8 + length };
  memcpy(udp, ports, 8); memcpy(udp + 8, one->frame[number], length);
  check = ~sum(udp, 8 + length, sum(ip + 12, 8, 17 + 8 + length)); check = htons(check ? check : 0xffff); memcpy(udp + 6, &check, 2);
  left[one - sides][flow->call * MAX_FRAMES + number] = now();
  return HEADERS + length;
}

static void burst(struct side *one, unsigned count) {
  static uint8_t packet[MAX_BURST][SLOT]; struct mmsghdr messages[MAX_BURST]; struct iovec vector[MAX_BURST];
  memset(messages, 0, sizeof messages);
  for (unsigned i = 0; i < count; i++) {
    struct flow *flow = one->flow + one->turn++ % one->flows;
    vector[i] = (struct iovec){ packet[i], build(one, flow, packet[i]) };
    messages[i].msg_hdr.msg_iov = vector + i; messages[i].msg_hdr.msg_iovlen = 1;
  }
  for (unsigned done = 0; done < count;) {
    int sent = sendmmsg(one->out, messages + done, count - done, 0);
    if (sent < 0 && errno != ENOBUFS && errno != EAGAIN) die("sendmmsg");
    if (sent > 0) done += sent;
  }
  one->sent += count;
}

static unsigned take(struct side *one) {
  unsigned taken = 0;
  for (;; taken++) {
    uint8_t *slot = one->ring + (size_t)one->at * SLOT; struct tpacket2_hdr *head = (void *)slot;
    if (!(__atomic_load_n(&head->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER)) return taken;
    uint8_t *packet = slot + head->tp_mac; unsigned port = packet[36] << 8 | packet[37]; int call = one->by_port[port];
    if (packet[23] != 17 || call < 0) one->strange++;
    else {
      unsigned number = packet[HEADERS + 2] << 8 | packet[HEADERS + 3]; uint64_t at = head->tp_sec * 1000000000ull + head->tp_nsec;
      uint64_t since = left[1 - (one - sides)][call * MAX_FRAMES + number % MAX_FRAMES], late = at > since ? (at - since) / 1000 : 0;
      histogram[late < MICROS ? late : MICROS]++; one->received++;
      int length = head->tp_snaplen - HEADERS; last_length[one - sides][call] = length; memcpy(last[one - sides][call], packet + HEADERS, length);
    }
    __atomic_store_n(&head->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
    one->at = (one->at + 1) % SLOTS;
  }
}

static unsigned drops(struct side *one) { struct tpacket_stats stats; socklen_t size = sizeof stats; getsockopt(one->in, SOL_PACKET, PACKET_STATISTICS, &stats, &size); return stats.tp_drops; }
static int percentile(double part) {
  uint64_t all = 0, seen = 0;
  for (int i = 0; i <= MICROS; i++) all += histogram[i];
  for (int i = 0; i <= MICROS; i++) if ((seen += histogram[i]) >= part * all) return i;
  return -1;
}

int main(int count, char **given) {
  if (count != 8) return 2;
  for (int i = 0; i < 2; i++) {
    char *space = strtok(given[1 + i], ","), *device = strtok(NULL, ","), *macs = strtok(NULL, ","), *flows = strtok(NULL, ","), *frames = strtok(NULL, ",");
    read_flows(sides + i, flows); read_frames(sides + i, frames); open_sockets(sides + i, space, device, macs);
    left[i] = mmap(NULL, (size_t)8 * MAX_FLOWS * MAX_FRAMES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (left[i] == MAP_FAILED || !sides[i].flows || !sides[i].frames) die("flows and frames");
  }
  for (int i = 0; i < 2; i++) for (unsigned at = 0; at < sides[i].flows; at++) sides[i].flow[at].next = atoi(given[6]);
  double rate = atof(given[3]), seconds = atof(given[4]); unsigned size = atoi(given[5]); uint64_t late = 0;
  if (size < 1 || size > MAX_BURST) return 2;
  uint64_t start = now(), bursts = 0, end = start + seconds * 1e9;
  for (uint64_t time = start; time < end; time = now()) {
    uint64_t due = start + bursts * (size * 1e9 / rate);
    if (time >= due) {
      if (time > due + 2000000) { late += time - due; start += time - due; } /* fell behind: go on from here, do not catch up */
      burst(sides + bursts++ % 2, size);
    }
    take(sides); take(sides + 1);
  }
  for (uint64_t quiet = now(); now() < quiet + 300000000ull;) if (take(sides) + take(sides + 1)) quiet = now();
  FILE *out = fopen(given[7], "w");
  for (int i = 0; out && i < 2; i++) for (int call = 0; call < MAX_FLOWS; call++) if (last_length[i][call]) {
    int head[3] = { i, call, last_length[i][call] }; fwrite(head, sizeof head, 1, out); fwrite(last[i][call], 1, head[2], out); }
  if (!out || fclose(out)) die(given[7]);
  printf("{\"sent\": %lu, \"received\": %lu, \"strange\": %lu, \"dropped\": %u, \"seconds\": %.3f, \"late_ms\": %.1f, \"p50\": %d, \"p99\": %d}\n",
    sides[0].sent + sides[1].sent, sides[0].received + sides[1].received, sides[0].strange + sides[1].strange, drops(sides) + drops(sides + 1),
    seconds, late / 1e6, percentile(.5), percentile(.99));
  return 0;
}

// SPDX-License-Identifier: Apache-2.0
//
// The measurements that read files, of trees as /proc and /sys have them.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "client/measure/measurements.hpp"
#include "client/measure/testing.hpp"

namespace sluice::client::measure {
namespace {

class Files : public ::testing::Test {
 protected:
  Files() { options_.root = tree_.root(); }
  [[nodiscard]] Host host() const { return {options_, now}; }
  static std::string why(const Result<Json>& result) { return result ? result->dump() : result.error().message; }

  static constexpr std::time_t now = 1'800'000'000;
  Tree tree_;
  Options options_;
};

TEST_F(Files, OsReleaseOfEtcBeforeThatOfUsr) {
  EXPECT_FALSE(measure_os(host()));
  tree_.put("usr/lib/os-release", "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n");
  EXPECT_EQ(*measure_os(host()),
            Json::parse(R"x({"id": "debian", "version": "12", "name": "Debian GNU/Linux 12 (bookworm)"})x"));
  // Testing has no VERSION_ID: it is absent, and not made up.
  tree_.put("etc/os-release", "ID=debian\n");
  EXPECT_EQ(*measure_os(host()), Json::parse(R"({"id": "debian"})"));
  tree_.put("etc/os-release", "HOME_URL=x\nID=" + std::string(300, 'x') + "\n");
  EXPECT_FALSE(measure_os(host()));
  tree_.put("etc/os-release", std::string(100'000, '#'));
  EXPECT_EQ(measure_os(host()).error().number, EFBIG);
}

TEST_F(Files, AFifoInPlaceOfAFileIsNotWaitedFor) {
  tree_.folder("etc");
  ASSERT_EQ(::mkfifo(tree_.at("etc/os-release").c_str(), 0600), 0);
  EXPECT_FALSE(measure_os(host()));
}

TEST_F(Files, SecureBootIsTheLastByte) {
  EXPECT_EQ(why(measure_secure_boot(host())), "no EFI variables");
  tree_.folder("sys/firmware/efi/efivars");
  EXPECT_EQ(why(measure_secure_boot(host())), "the firmware has no variable SecureBoot");
  const std::string path = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
  tree_.put(path, std::string("\6\0\0\0\1", 5));
  EXPECT_EQ(*measure_secure_boot(host()), Json::parse(R"({"enabled": true})"));
  tree_.put(path, std::string("\6\0\0\0\0", 5));
  EXPECT_EQ(*measure_secure_boot(host()), Json::parse(R"({"enabled": false})"));
  for (const std::string& bad : {std::string("\6\0\0\0\2", 5), std::string("\6\0\0\0", 4), std::string("\1"),
                                 std::string("\6\0\0\0\1\1", 6), std::string()}) {
    tree_.put(path, bad);
    EXPECT_FALSE(measure_secure_boot(host())) << bad.size();
  }
}

std::string database(const std::string& built) {
  std::string header = "ClamAV-VDB:" + built + ":27100:2076000:90:92baacd59fd26e6bcf03077add78d209:4Jp9JtGJ:raynman:1";
  header.resize(512, ' ');
  return header + std::string("\x1f\x8b\x08\0\xff", 5);
}

TEST_F(Files, TheNewestClamavDatabaseCounts) {
  EXPECT_EQ(why(measure_malware_scanner(host())), "no ClamAV database");
  tree_.put("var/lib/clamav/main.cvd", database("16 Sep 2021 08-32 -0400"));
  tree_.put("var/lib/clamav/daily.cld", database("15 Jan 2027 07-00 +0000"));  // now is 08:00
  EXPECT_EQ(*measure_malware_scanner(host()), Json::parse(R"({"name": "clamav", "database_age": 3600})"));
  tree_.put("var/lib/clamav/daily.cvd", database("15 Jan 2027 09-00 +0100"));
  EXPECT_EQ((*measure_malware_scanner(host()))["database_age"], 0);
  tree_.put("var/lib/clamav/daily.cvd", database("15 Jan 2028 09-00 +0100"));
  EXPECT_EQ(why(measure_malware_scanner(host())), "the ClamAV database was built in the future: is the clock right?");
}

TEST_F(Files, WhatIsNoClamavDatabaseHasNoAge) {
  for (const std::string& bad :
       {std::string(), std::string("ClamAV-VDB:"), std::string("ClamAV-VDB:15 Jan 2027 07-00 +0000"),
        std::string("clamav-vdb:15 Jan 2027 07-00 +0000:1"), database("soon"), std::string(512, '\0')}) {
    tree_.put("var/lib/clamav/daily.cvd", bad);
    EXPECT_EQ(why(measure_malware_scanner(host())), "daily.cvd: has no header of a ClamAV database") << bad;
  }
}

// A machine's disks, as /sys shows them.
class Disk : public Files {
 protected:
  void mounts(const std::string& device, const std::string& type = "ext4", const std::string& source = "/dev/x",
              const std::string& more = "") const {
    tree_.put("proc/self/mountinfo", "21 26 0:20 / /proc rw,relatime shared:5 master:1 - proc proc rw\n26 1 " + device +
                                         " / / rw,relatime shared:1 - " + type + " " + source + " rw\n" +
                                         "40 26 8:9 / /home rw - ext4 /dev/sdz9 rw\n" + more);
  }
  // *name* is below /sys/devices, "pci/sda" or "pci/sda/sda1".
  void device(const std::string& name, const std::string& number) const {
    const std::string base = std::filesystem::path(name).filename();
    tree_.folder("sys/devices/" + name);
    tree_.link("sys/dev/block/" + number, "../../devices/" + name);
    tree_.link("sys/class/block/" + base, "../../devices/" + name);
    if (std::ranges::count(name, '/') == 2) tree_.put("sys/devices/" + name + "/partition", "1\n");
  }
  void mapped(const std::string& base, const std::string& number, const std::string& uuid, const std::string& name,
              const std::vector<std::string>& slaves) const {
    device("virtual/" + base, number);
    tree_.put("sys/devices/virtual/" + base + "/dm/uuid", uuid + "\n");
    tree_.put("sys/devices/virtual/" + base + "/dm/name", name + "\n");
    made_of(base, slaves);
  }
  void made_of(const std::string& base, const std::vector<std::string>& slaves) const {
    tree_.folder("sys/devices/virtual/" + base + "/slaves");
    for (const std::string& slave : slaves)
      tree_.link("sys/devices/virtual/" + base + "/slaves/" + slave, "../../../../class/block/" + slave);
  }
  [[nodiscard]] std::string told() const { return why(measure_disk_encryption(host())); }
  static constexpr const char* yes = "{\"root\":true}";
  static constexpr const char* no = "{\"root\":false}";
};

TEST_F(Disk, APartitionIsNotEncrypted) {
  device("pci/sda", "8:0");
  device("pci/sda/sda2", "8:2");
  mounts("8:2");
  EXPECT_EQ(told(), no);
}

TEST_F(Disk, LuksIs) {
  device("pci/sda", "8:0");
  device("pci/sda/sda2", "8:2");
  mounts("254:0");
  for (const char* type : {"LUKS1", "LUKS2", "PLAIN", "TCRYPT", "BITLK"}) {
    tree_.put("sys/devices/virtual/dm-0/dm/uuid", std::string("CRYPT-") + type + "-0123-root\n");
    if (std::string_view(type) == "LUKS1") mapped("dm-0", "254:0", "CRYPT-LUKS1-0123-root", "root", {"sda2"});
    EXPECT_EQ(told(), yes) << type;
  }
  // Checked, not encrypted.
  for (const char* type :
       {"CRYPT-VERITY-0123-root", "CRYPT-INTEGRITY-root", "CRYPT-SUBDEV-0123", "XCRYPT-LUKS2-1", ""}) {
    tree_.put("sys/devices/virtual/dm-0/dm/uuid", std::string(type) + "\n");
    EXPECT_EQ(told(), no) << type;
  }
}

TEST_F(Disk, LvmIsWhatAllItsPartsAre) {
  device("pci/sda", "8:0");
  device("pci/sda/sda2", "8:2");
  device("pci/sdb", "8:16");
  mapped("dm-0", "254:0", "CRYPT-LUKS2-0123-a", "a", {"sda2"});
  mapped("dm-1", "254:1", "LVM-0123", "vg-root", {"dm-0"});
  mounts("254:1");
  EXPECT_EQ(told(), yes);
  made_of("dm-1", {"sdb"});
  EXPECT_EQ(told(), no) << "the other half is not";
}

TEST_F(Disk, APartitionOfAnEncryptedDeviceIs) {
  device("pci/sda", "8:0");
  mapped("dm-0", "254:0", "CRYPT-LUKS2-0123-a", "a", {"sda"});
  device("virtual/md0", "9:0");
  made_of("md0", {"dm-0"});
  device("virtual/md0/md0p1", "259:0");
  mounts("259:0");
  EXPECT_EQ(told(), yes);
}

TEST_F(Disk, LvmBelowLuksIs) {
  device("pci/sda", "8:0");
  mapped("dm-0", "254:0", "LVM-0123", "vg-root", {"sda"});
  mapped("dm-1", "254:1", "CRYPT-LUKS2-0123-root_crypt", "root_crypt", {"dm-0"});
  mounts("254:1");
  EXPECT_EQ(told(), yes);
}

TEST_F(Disk, ACircleEnds) {
  mapped("dm-0", "254:0", "LVM-0", "a", {"dm-1"});
  mapped("dm-1", "254:1", "LVM-1", "b", {"dm-0", "sda"});
  device("pci/sda", "8:0");
  mounts("254:0");
  EXPECT_EQ(told(), no);
}

TEST_F(Disk, BtrfsIsWhatAllItsDevicesAre) {
  device("pci/sda", "8:0");
  device("pci/sdb", "8:16");
  mapped("dm-0", "254:0", "CRYPT-LUKS2-0123-a", "luks-a", {"sda"});
  mounts("0:30", "btrfs", "/dev/mapper/luks-a");
  EXPECT_EQ(told(), yes);
  tree_.link("sys/fs/btrfs/0123-4567/devices/dm-0", "../../../../devices/virtual/dm-0");
  EXPECT_EQ(told(), yes);
  tree_.link("sys/fs/btrfs/0123-4567/devices/sdb", "../../../../devices/pci/sdb");
  EXPECT_EQ(told(), no);
}

TEST_F(Disk, TheLastMountAtTheRootCounts) {
  device("pci/sda", "8:0");
  device("pci/sdb", "8:16");
  mapped("dm-0", "254:0", "CRYPT-LUKS2-0123-a", "a", {"sda"});
  mounts("254:0", "ext4", "/dev/x", "50 26 8:16 / / rw,relatime - xfs /dev/sdb rw\n");
  EXPECT_EQ(told(), no);
}

TEST_F(Disk, WhatCannotBeSeenIsNotSaid) {
  EXPECT_NE(told().find("mountinfo: No such file"), std::string::npos);
  mounts("0:31", "overlay", "overlay");
  EXPECT_EQ(told(), "the root file system, overlay, is on no block device");
  device("virtual/loop0", "7:0");
  tree_.put("sys/devices/virtual/loop0/loop/backing_file", "/disk.img\n");
  mounts("7:0");
  EXPECT_EQ(told(), "the root device is a file, by way of loop0");
  mounts("../../etc");
  EXPECT_EQ(told(), "/proc/self/mountinfo has no device of the root file system");
  mapped("dm-0", "254:0", "LVM-0", "a", {});
  tree_.link("sys/devices/virtual/dm-0/slaves/sdq", "../../nowhere");
  mounts("254:0");
  EXPECT_EQ(told(), "/sys has no block device sdq");
  for (const char* text :
       {"", "\n", "1 2 8:0 / /\n", "26 1 8:0 / / rw,relatime - ext4\n", "26 1 8:0 / / rw a b c d e\n"}) {
    tree_.put("proc/self/mountinfo", text);
    EXPECT_EQ(told(), "/proc/self/mountinfo has no root file system") << text;
  }
}

}  // namespace
}  // namespace sluice::client::measure

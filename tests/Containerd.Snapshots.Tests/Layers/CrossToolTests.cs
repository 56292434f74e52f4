using System.Globalization;
using Containerd.Conformance;

namespace Containerd.Snapshots.Tests;

/// <summary>Archives that other programs wrote become the trees that those programs extract.</summary>
[RequiresRoot]
[RequiresProgram("tar")]
[RequiresProgram("bsdtar")]
[RequiresProgram("busybox")]
[RequiresProgram("setcap")]
public sealed class CrossToolTests
{
    private const string MakeTree = """
        mkdir -p from/dir/sub from/empty from/sticky
        cd from
        printf hello > file; printf 'x%.0s' {1..100000} > dir/big; : > dir/sub/nothing
        ln file dir/hard; ln -s ../file dir/soft; ln -s /nowhere/$(printf 'n%.0s' {1..150}) long-target
        touch "dir/$(printf 'l%.0s' {1..180})" $'odd\nname' $'bad\xff\xfebytes' 'space and "quotes"'
        mkfifo fifo; mknod null c 1 3; mknod disk b 7 300
        chown 1234:2345 file; chown -h 77:88 dir/soft; chown 65534:65534 dir/sub
        chmod 4755 dir/big; chmod 2770 dir/sub; chmod 1777 sticky; chmod 0 dir/sub/nothing
        touch -d '2003-04-05 06:07:08.123456789' file dir/big; touch -h -d '2001-01-01' dir/soft; touch -d '1999-12-31 23:59:59' dir empty
        """;

    // Nothing that the formats before 1988 lack.
    private const string MakePlainTree = """
        mkdir -p from/dir/sub from/empty from/sticky
        cd from
        printf hello > file; printf 'x%.0s' {1..100000} > dir/big; : > dir/sub/nothing
        ln file dir/hard; ln -s ../file dir/soft; ln -s /nowhere dangling; touch $'odd\nname' $'bad\xff\xfebytes' 'space and "quotes"'
        chown 1234:2345 file; chown -h 77:88 dir/soft; chown 65534:65534 dir/sub
        chmod 4755 dir/big; chmod 2770 dir/sub; chmod 1777 sticky; chmod 0 dir/sub/nothing
        find . -exec touch -h -d '2003-04-05 06:07:08' {} +; touch -d '1999-12-31 23:59:59' dir empty
        """;

    private const string MakeLongNames = """
        cd from; mkdir -p "$(printf 'p%.0s' {1..90})/$(printf 'q%.0s' {1..20})"; echo x > "$(printf 'p%.0s' {1..90})/$(printf 'q%.0s' {1..20})/file"
        mkfifo fifo2; mknod tape c 9 128; find . -newermt 2010-01-01 -exec touch -d '2003-04-05 06:07:08' {} +
        """;

    private const string GnuExtract = "tar --xattrs --xattrs-include='*' --acls --numeric-owner --same-owner -xpf", BsdExtract = "bsdtar --numeric-owner -xpf";

    // How each writes, how it extracts, and how much of a tree its format can hold: "plain", "ustar" (long names, devices), "all" or "attributes" too.
    private static readonly object[] Tools =
    [
        new[] { "tar --format=v7 -cf", GnuExtract, "plain" },
        new[] { "tar --format=oldgnu -cf", GnuExtract, "all" },
        new[] { "tar --format=gnu -cf", GnuExtract, "all" },
        new[] { "tar --format=ustar -cf", GnuExtract, "ustar" },
        new[] { "tar --format=posix --xattrs --xattrs-include='*' --acls -cf", GnuExtract, "attributes" },
        new[] { "tar --format=posix --pax-option=globexthdr.name=g,comment=x,uid:=7 --xattrs --xattrs-include='*' --acls -cf", GnuExtract, "attributes" },
        new[] { "tar --format=posix --pax-option=gid=9,mtime=1000000000.5 -cf", GnuExtract, "all" },
        new[] { "tar --format=posix -b 1 --sort=inode -cf", GnuExtract, "all" },
        new[] { "bsdtar --format=v7tar -cf", BsdExtract, "plain" },
        new[] { "bsdtar --format=ustar -cf", BsdExtract, "ustar" },
        new[] { "bsdtar --format=gnutar -cf", BsdExtract, "all" },
        new[] { "bsdtar --format=pax -cf", BsdExtract, "attributes" },
        new[] { "bsdtar --format=paxr -cf", BsdExtract, "attributes" },
        new[] { "busybox tar -cf", GnuExtract, "ustar" }, // busybox itself restores neither owners of links nor times of directories
    ];

    [TestCaseSource(nameof(Tools))]
    public async Task TreesAreEqual(string write, string extract, string kind)
    {
        using var scratch = new LayerScratch();
        scratch.Shell(kind is "plain" or "ustar" ? MakePlainTree : MakeTree);
        if (kind == "ustar")
            scratch.Shell(MakeLongNames);
        if (kind == "attributes")
        {
            TreeSnapshot.Unpack(Attributes(write), Path.Join(scratch.Root, "from"));
            scratch.Shell("setcap cap_net_raw+ep from/dir/big");
        }
        scratch.Shell($"(cd from && {write} ../layer.tar .) && mkdir theirs && cd theirs && {extract} ../layer.tar");
        await using FileStream layer = File.OpenRead(Path.Join(scratch.Root, "layer.tar"));
        LayerApplyResult result = await scratch.ApplyAsync(layer);
        List<string> ours = Describe(scratch.Tree);
        Assert.That(ours, Is.EqualTo(Describe(Path.Join(scratch.Root, "theirs"))));
        Assert.That(result.DependsOnBase, Is.False);
        if (kind == "attributes")
        {
            foreach (string mark in (string[])["SCHILY.xattr.security.capability", "SCHILY.xattr.user.empty", "SCHILY.acl.access=", "SCHILY.acl.default=", "user:4242:rwx", "group:4343:r-x"])
                Assert.That(ours, Has.Some.Contains(mark));
        }
    }

    /// <summary>Every way that tools have of writing sparse files gives the same content, and the same holes as the tool itself makes.</summary>
    [TestCase("tar --format=gnu --sparse -cf", GnuExtract)]
    [TestCase("tar --format=oldgnu --sparse -cf", GnuExtract)]
    [TestCase("tar --format=posix --sparse-version=0.0 --sparse -cf", GnuExtract)]
    [TestCase("tar --format=posix --sparse-version=0.1 --sparse -cf", GnuExtract)]
    [TestCase("tar --format=posix --sparse-version=1.0 --sparse -cf", GnuExtract)]
    [TestCase("bsdtar --format=pax -cf", BsdExtract)]
    public async Task SparseFilesKeepContentAndHoles(string write, string extract)
    {
        using var scratch = new LayerScratch();
        scratch.Shell($"""
            mkdir from theirs; cd from
            truncate -s 20M many; for i in $(seq 0 39); do printf "piece$i" | dd of=many bs=1 seek=$((i * 500000 + 77)) conv=notrunc status=none; done
            truncate -s 60M hole; printf end >> hole
            truncate -s 1M all-hole; printf start > start; truncate -s 3M start; touch "$(printf 'long%.0s' {1..50})"; truncate -s 1M "$(printf 'long%.0s' {1..50})"
            find . -exec touch -d @1000000000 {'{'}{'}'} +
            {write} ../layer.tar .
            cd ../theirs; {extract} ../layer.tar
            """);
        await using FileStream layer = File.OpenRead(Path.Join(scratch.Root, "layer.tar"));
        await scratch.ApplyAsync(layer);
        // One line of each file tells where its holes are, and what is between them.
        List<string> ours = Describe(scratch.Tree);
        Assert.That(ours, Is.EqualTo(Describe(Path.Join(scratch.Root, "theirs"))));
        Assert.That(ours, Has.Some.Contains("GNU.sparse.map="));
        Assert.That(long.Parse(scratch.Shell("du -sk tree | cut -f1"), CultureInfo.InvariantCulture), Is.LessThan(2000));
    }

    [TestCase("gzip -n")]
    [TestCase("pigz -b 128 -p 2")]
    [TestCase("pigz -i -b 128")]
    [TestCase("zstd -q -3")]
    [TestCase("zstd -q -19 --long=27")]
    public async Task CompressedByOtherPrograms(string compress)
    {
        using var scratch = new LayerScratch();
        scratch.Shell(MakeTree);
        scratch.Shell($"seq 1 300000 > from/numbers; (cd from && tar -cf ../layer.tar .); {compress} -c layer.tar > part; {compress} -c < /dev/null > none; cat part none > layer.z");
        await using FileStream layer = File.OpenRead(Path.Join(scratch.Root, "layer.z"));
        LayerApplyResult result = await scratch.ApplyAsync(layer);
        Assert.That(result.DiffId.Hex, Is.EqualTo(scratch.Shell("sha256sum < layer.tar")[..64]));
        Assert.That(scratch.Shell("cmp from/numbers tree/numbers && echo same"), Is.EqualTo("same\n"));
    }

    // Without the root, which no entry describes.
    private static List<string> Describe(string root) =>
        [.. TreeSnapshot.Describe(root, withAccessTimes: false).Where(line => line[0] != ' ' && !line.StartsWith("./ ", StringComparison.Ordinal))];

    private static byte[] Attributes(string tool)
    {
        // bsdtar escapes every odd character of such names, of which its own reading of them then makes two attributes.
        string odd = tool.StartsWith("tar", StringComparison.Ordinal) ? "odd %2541 %3D" : "odd";
        static (string, byte[]) Record(string key, string value) => (key, System.Text.Encoding.Latin1.GetBytes(value));
        (string, byte[]) access = Record("SCHILY.acl.access", "user::rw-,user:4242:rwx,group::r--,group:4343:r-x,mask::rwx,other::---");
        (string, byte[]) inherited = Record("SCHILY.acl.default", "user::rwx,user:4242:rwx,group::r-x,group:4343:r-x,mask::rwx,other::---");
        return new TarBuilder()
            .Directory("acl", new() { Pax = [inherited, access, Record("SCHILY.xattr.user.on-a-directory", "1")] })
            .File("acl/listed", "x", new() { Mode = 0x1B8, Pax = [access] })
            .HardLink("acl/zlisted too", "acl/listed")
            .File("acl/plain", "x", new() { Mode = 0x1B0, Pax = [Record("SCHILY.acl.access", "user::rw-,group::rw-,other::---")] })
            .File("attributes", "x", new() { Pax = [Record("SCHILY.xattr.user.empty", ""), Record("SCHILY.xattr.user.text", "a=b"), Record($"SCHILY.xattr.user.{odd}", "\u00FF\u0001\n")] })
            .ToArray();
    }
}

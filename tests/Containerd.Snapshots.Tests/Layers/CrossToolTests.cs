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

    // How each writes, and how it extracts.
    private static readonly object[] Tools =
    [
        new[] { "tar --format=pax --xattrs --xattrs-include='*' -cf", "tar --xattrs --xattrs-include='*' --numeric-owner -xpf" },
        new[] { "tar --format=gnu -cf", "tar --numeric-owner -xpf" },
        new[] { "tar --format=posix --pax-option=globexthdr.name=g,comment=x -cf", "tar --numeric-owner -xpf" },
        new[] { "bsdtar --format=pax -cf", "bsdtar --numeric-owner -xpf" },
        new[] { "bsdtar --format=gnutar -cf", "bsdtar --numeric-owner -xpf" },
        new[] { "busybox tar -cf", "tar --numeric-owner -xpf" }, // busybox itself restores neither owners of links nor times of directories
    ];

    [TestCaseSource(nameof(Tools))]
    public async Task TreesAreEqual(string write, string extract)
    {
        using var scratch = new LayerScratch();
        scratch.Shell(MakeTree);
        // Only the pax ways keep attributes; the others ignore them.
        if (write.Contains("pax", StringComparison.Ordinal))
            scratch.Shell("setcap cap_net_raw+ep from/dir/big");
        scratch.Shell($"(cd from && {write} ../layer.tar .) && mkdir theirs && cd theirs && {extract} ../layer.tar");
        await using FileStream layer = File.OpenRead(Path.Join(scratch.Root, "layer.tar"));
        LayerApplyResult result = await scratch.ApplyAsync(layer);
        Assert.That(Describe(scratch.Tree), Is.EqualTo(Describe(Path.Join(scratch.Root, "theirs"))));
        Assert.That(result.DependsOnBase, Is.False);
        Assert.That(
            TarFormatTests.Xattrs(Path.Join(scratch.Tree, "dir/big")), Is.EqualTo(TarFormatTests.Xattrs(Path.Join(scratch.Root, "theirs/dir/big"))));
    }

    [TestCase("--format=gnu")]
    [TestCase("--format=pax --sparse-version=0.0")]
    [TestCase("--format=pax --sparse-version=0.1")]
    [TestCase("--format=pax --sparse-version=1.0")]
    public async Task SparseFilesKeepContentAndHoles(string format)
    {
        using var scratch = new LayerScratch();
        scratch.Shell($"""
            mkdir from; cd from
            truncate -s 20M many; for i in $(seq 0 39); do printf "piece$i" | dd of=many bs=1 seek=$((i * 500000 + 77)) conv=notrunc status=none; done
            truncate -s 60M hole; printf end >> hole
            truncate -s 1M all-hole
            tar -S {format} -cf ../layer.tar .
            """);
        await using FileStream layer = File.OpenRead(Path.Join(scratch.Root, "layer.tar"));
        await scratch.ApplyAsync(layer);
        Assert.That(scratch.Shell("for f in many hole all-hole; do cmp from/$f tree/$f; done; du -k tree | tail -n1 | cut -f1").Trim(), Is.Not.Empty);
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

    private static string[] Describe(string root)
    {
        IReadOnlyList<TreeFile> files = TreeFile.ReadAll(root);
        ILookup<ulong, string> names = files.ToLookup(file => file.Inode, file => file.Path);
        return [.. files.Select(file => string.Create(
            CultureInfo.InvariantCulture,
            $"{file} {Convert.ToString(file.Mode, 8)} {file.Uid}:{file.Gid} {file.ModifyTime} {file.Size} {file.Links} {names[file.Inode].Min(StringComparer.Ordinal)}"))];
    }
}

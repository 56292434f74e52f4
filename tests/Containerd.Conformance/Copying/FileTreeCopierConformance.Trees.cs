namespace Containerd.Conformance;

public abstract partial class FileTreeCopierConformance
{
    /// <summary>Whatever a tree is made of, the copy is the same, and the source is left as it was.</summary>
    [Test]
    public async Task RandomTreesAreCopied([Range(1, 5)] int seed)
    {
        TreeSnapshot.Unpack(RandomTree.Archive(seed), Source);
        IReadOnlyList<string> expected = TreeSnapshot.Describe(Source);
        FileTreeCopyProgress totals = await CopyAsync();
        Assert.That(TreeSnapshot.Describe(Destination), Is.EqualTo(expected));
        Assert.That(TreeSnapshot.Describe(Source, withAccessTimes: false), Is.EqualTo(TreeSnapshot.Describe(Destination, withAccessTimes: false)));
        Assert.That(totals.Entries, Is.EqualTo(long.Parse(Shell("find \"$source\" -mindepth 1 -printf x | wc -c"), null)));
        long bytes = long.Parse(Shell("find \"$source\" -type f -printf '%i %s\\n' | sort -u | awk '{ sum += $2 } END { print sum }'"), null);
        Assert.That(totals.Bytes, Is.EqualTo(bytes));
    }

    /// <summary>An independent program makes the same copy.</summary>
    [Test]
    public async Task CopiesAreThoseOfCp([Range(11, 12)] int seed)
    {
        TreeSnapshot.Unpack(RandomTree.Archive(seed), Source);
        await CopyAsync();
        IReadOnlyList<string> copied = TreeSnapshot.Describe(Destination, withAccessTimes: false);
        Shell("rm -rf \"$destination\"; mkdir \"$destination\"; cp -a --sparse=auto \"$source/.\" \"$destination\"");
        Assert.That(copied, Is.EqualTo(TreeSnapshot.Describe(Destination, withAccessTimes: false)));
    }

    /// <summary>The directory a tree is copied into becomes what the source's is.</summary>
    [Test]
    public async Task TheRootIsCopiedToo()
    {
        byte[] archive = new TarBuilder().Directory("./", new TarEntryOptions
        {
            Mode = 0x5E8, // 02750
            Uid = 12,
            Gid = 34,
            Pax = [("mtime", "1000.123456789"u8.ToArray()), ("SCHILY.xattr.user.mark", "root"u8.ToArray())],
        }).ToArray();
        TreeSnapshot.Unpack(archive, Source);
        Shell("mkdir -m 700 \"$destination\"");
        await CopyAsync();
        Assert.That(TreeSnapshot.Describe(Destination), Is.EqualTo(TreeSnapshot.Describe(Source)));
    }

    /// <summary>A file has its mode and its owner in the copy, whichever they are, and wherever it lies.</summary>
    [Test]
    public async Task EveryModeIsCopied()
    {
        var archive = new TarBuilder();
        foreach ((string directory, TarEntryOptions of) in ((string, TarEntryOptions)[])[("plain", new()), ("of a group", new() { Mode = 0x5FF, Gid = 1001 })])
        {
            archive.Directory(directory, of);
            for (int mode = 0; mode <= 0xFFF; mode++)
                archive.File($"{directory}/{mode:x3}", "x", new() { Mode = mode, Uid = mode % 3 == 0 ? 1000 : 0, Gid = mode % 5 == 0 ? 1001 : 0 });
        }
        TreeSnapshot.Unpack(archive.ToArray(), Source);
        await CopyAsync();
        Assert.That(TreeSnapshot.Describe(Destination), Is.EqualTo(TreeSnapshot.Describe(Source)));
    }

    /// <summary>Sockets, and special files with several names.</summary>
    [Test]
    public async Task SpecialFilesAndTheirLinksAreCopied()
    {
        using var socket = new System.Net.Sockets.Socket(System.Net.Sockets.AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, 0);
        socket.Bind(new System.Net.Sockets.UnixDomainSocketEndPoint(Path.Join(Source, "s")));
        Shell("cd \"$source\"; mkdir a b; ln -s nowhere a/l; ln a/l b/l; mkfifo a/p; chmod 4712 a/p; ln a/p b/p; mknod a/w c 0 0; mknod b/d b 259 1048575; ln b/d a/d; chown -h 5:6 s a/l");
        IReadOnlyList<string> expected = TreeSnapshot.Describe(Source);
        await CopyAsync();
        Assert.That(TreeSnapshot.Describe(Destination), Is.EqualTo(expected));
    }

    /// <summary>What is no data is no data in the copy, at the beginning, between and at the end, in large files and small ones.</summary>
    [Test]
    public async Task HolesAreKept()
    {
        Shell("""
            cd "$source"
            truncate -s 100M empty; truncate -s 8K small
            truncate -s 1M ends; dd if=/dev/urandom of=ends bs=4K seek=100 count=3 conv=notrunc status=none
            truncate -s 10000 tail; dd if=/dev/urandom of=tail bs=4K count=1 conv=notrunc status=none
            dd if=/dev/urandom of=begins bs=1M seek=50 count=1 status=none
            dd if=/dev/urandom of=odd bs=1 seek=99999 count=7 status=none
            sync .
            """);
        IReadOnlyList<string> expected = TreeSnapshot.Describe(Source);
        FileTreeCopyProgress totals = await CopyAsync();
        Assert.That(TreeSnapshot.Describe(Destination), Is.EqualTo(expected));
        Assert.That(long.Parse(Shell("du -sk \"$destination\" | cut -f1"), null), Is.LessThan(1200));
        Assert.That(totals.Bytes, Is.InRange(1 << 20, (1 << 20) + (64 << 10)));
    }

    /// <summary>A large file, to the byte.</summary>
    [Test]
    public async Task LargeFilesAreCopied()
    {
        Shell("head -c 70000001 /dev/urandom > \"$source/large\"; head -c 65536 /dev/urandom > \"$source/limit\"; head -c 65535 /dev/urandom > \"$source/below\"");
        await CopyAsync();
        Assert.That(Shell("for f in large limit below; do cmp \"$source/$f\" \"$destination/$f\"; done"), Is.Empty);
    }

    /// <summary>Directories as deep as a path can name from within them, and deeper than any from the root, do not run out of anything.</summary>
    [Test]
    public async Task DeepTreesAreCopied()
    {
        const int Depth = 2000;
        var archive = new TarBuilder();
        for (int level = 0; level < Depth; level++)
        {
            string directory = string.Concat(Enumerable.Repeat("d/", level));
            archive.Directory($"{directory}d");
            if (level % 10 == 0)
                archive.Directory($"{directory}e").File($"{directory}f", "x");
        }
        TreeSnapshot.Unpack(archive.ToArray(), Source);
        IReadOnlyList<string> expected = TreeSnapshot.Describe(Source);
        FileTreeCopyProgress totals = await CopyAsync();
        Assert.That(totals.Entries, Is.EqualTo(Depth + (Depth / 5)));
        Assert.That(TreeSnapshot.Describe(Destination), Is.EqualTo(expected));
    }

    /// <summary>A file with many names in many directories is one file.</summary>
    [Test]
    public async Task HardLinksAcrossDirectoriesAreKept()
    {
        Shell("""
            cd "$source"
            head -c 1000000 /dev/urandom > first
            for d in {1..15}; do mkdir $d; for f in {1..10}; do ln first $d/$f; done; echo $d > $d/own; ln $d/own $d/other; done
            """);
        IReadOnlyList<string> expected = TreeSnapshot.Describe(Source);
        FileTreeCopyProgress totals = await CopyAsync();
        Assert.That(TreeSnapshot.Describe(Destination), Is.EqualTo(expected));
        Assert.That(totals.Bytes, Is.EqualTo(1_000_000 + (9 * 2) + (6 * 3)));
    }

    /// <summary>Names outside the tree are no business of the copy.</summary>
    [Test]
    public async Task AFileWithNamesOutsideIsAFile()
    {
        Shell("echo data > \"$source/file\"; ln \"$source/file\" outside");
        await CopyAsync();
        Assert.That(Shell("stat -c %h \"$destination/file\"; cat \"$destination/file\""), Is.EqualTo("1\ndata\n"));
    }
}

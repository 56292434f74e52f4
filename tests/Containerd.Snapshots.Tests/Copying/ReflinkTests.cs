using Containerd.Conformance;

namespace Containerd.Snapshots;

/// <summary>On file systems that share blocks, in an image of their own.</summary>
[TestFixture("mkfs.xfs -q -m reflink=1", "xfs", 320)]
[TestFixture("mkfs.btrfs -q", "btrfs", 256)]
[RequiresProgram("mkfs.xfs"), RequiresProgram("mkfs.btrfs"), RequiresProgram("filefrag"), RequiresProgram("mount")]
[RequiresFileSystem("xfs"), RequiresFileSystem("btrfs")]
public sealed class ReflinkTests(string make, string type, int megabytes) : CopyTest
{
    private string Mounted => Path.Join(Scratch, "mnt");

    [SetUp]
    public void MakeFileSystem() => Shell($"truncate -s {megabytes}M image; {make} image; mkdir mnt; mount -t {type} -o loop image mnt; mkdir mnt/source");

    [Test]
    public void LargeFilesAreShared()
    {
        Shell("head -c 20000000 /dev/urandom > mnt/source/large; head -c 3000 /dev/urandom > mnt/source/small; truncate -s 50M mnt/source/large; sync");
        long before = Used();
        FileTreeCopyProgress totals = Copier().Copy(Path.Join(Mounted, "source"), Path.Join(Mounted, "copy"));
        Shell("cmp mnt/source/large mnt/copy/large; cmp mnt/source/small mnt/copy/small");
        Assert.That(Shell("filefrag -v mnt/copy/large"), Does.Contain("shared"));
        Assert.That(Used() - before, Is.LessThan(5_000_000));
        Assert.That(totals.Bytes, Is.InRange(20_003_000, 20_003_000 + 65_536));
    }

    [Test]
    public void RandomTreesAreCopied([Values] bool toAnotherFileSystem)
    {
        string destination = toAnotherFileSystem ? Destination : Path.Join(Mounted, "copy");
        TreeSnapshot.Unpack(RandomTree.Archive(31), Path.Join(Mounted, "source"));
        IReadOnlyList<string> expected = TreeSnapshot.Describe(Path.Join(Mounted, "source"));
        Copier().Copy(Path.Join(Mounted, "source"), destination);
        Assert.That(TreeSnapshot.Describe(destination), Is.EqualTo(expected));
    }

    [Test]
    public void ToAnotherFileSystemContentIsCopied()
    {
        Shell("head -c 3000000 /dev/urandom > mnt/source/a; head -c 3000000 /dev/urandom > mnt/source/b");
        Copier().Copy(Path.Join(Mounted, "source"), Destination);
        Shell("cmp mnt/source/a destination/a; cmp mnt/source/b destination/b");
    }

    private long Used() => long.Parse(Shell("sync; df -B1 --output=used mnt | tail -1"), null);
}

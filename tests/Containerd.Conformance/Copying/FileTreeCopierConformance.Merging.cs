namespace Containerd.Conformance;

public abstract partial class FileTreeCopierConformance
{
    private static readonly FileTreeCopyOptions Mirror = new() { Mirror = true };

    /// <summary>What both trees have becomes the source's; what the destination alone has stays.</summary>
    [Test]
    public async Task TreesAreMerged()
    {
        Shell("""
            mkdir -p "$source/d/new" "$destination/d/old"
            echo new > "$source/d/both"; echo longer than new > "$destination/d/both"; echo mine > "$destination/d/mine"
            ln -s target "$source/link"; echo file > "$destination/link"
            echo file > "$source/file"; ln -s /etc/passwd "$destination/file"
            chmod 2711 "$source/d"; chown 7:8 "$source/d"; touch -d @1000.5 "$source/d"
            """);
        await CopyAsync();
        Assert.That(Paths(), Is.EqualTo("d/ d/both d/mine d/new/ d/old/ file link"));
        Assert.That(Shell("cd \"$destination\"; cat d/both d/mine; readlink link; stat -c '%F %s' file; stat -c '%a %u:%g %.1Y' d"), Is.EqualTo("new\nmine\ntarget\nregular file 5\n2711 7:8 1000.5\n"));
    }

    /// <summary>Copying once more changes nothing.</summary>
    [Test]
    public async Task CopyingTwiceIsCopyingOnce([Values] bool mirror)
    {
        TreeSnapshot.Unpack(RandomTree.Archive(20), Source);
        await CopyAsync();
        IReadOnlyList<string> once = TreeSnapshot.Describe(Destination);
        await CopyAsync(new FileTreeCopyOptions { Mirror = mirror });
        Assert.That(TreeSnapshot.Describe(Destination), Is.EqualTo(once));
    }

    /// <summary>Two trees that have nothing to do with each other: the mirror is the source.</summary>
    [Test]
    public async Task AMirrorIsTheSource()
    {
        TreeSnapshot.Unpack(RandomTree.Archive(21), Source);
        TreeSnapshot.Unpack(RandomTree.Archive(22), Destination);
        Shell("mkdir -p \"$destination/\"$'raw\\xff\\xfe'/below; echo x > \"$destination/\"$'raw\\xff\\xfe'/below/file");
        IReadOnlyList<string> expected = TreeSnapshot.Describe(Source);
        await CopyAsync(Mirror);
        Assert.That(TreeSnapshot.Describe(Destination), Is.EqualTo(expected));
    }

    /// <summary>A file that is replaced keeps its content under the names it has elsewhere.</summary>
    [Test]
    public async Task WhatIsReplacedIsNotWrittenInto()
    {
        Shell("echo new > \"$source/file\"; mkdir \"$destination\"; echo old > \"$destination/file\"; ln \"$destination/file\" \"$destination/other\"");
        await CopyAsync();
        Assert.That(Shell("cat \"$destination/file\" \"$destination/other\""), Is.EqualTo("new\nold\n"));
    }

    /// <summary>A file stays where a directory would have to go, unless the source is mirrored.</summary>
    [TestCase("echo file > \"$destination/d\"")]
    [TestCase("ln -s ../outside \"$destination/d\"")]
    [TestCase("mkfifo \"$destination/d\"")]
    public async Task AFileInTheWayOfADirectory(string make)
    {
        Shell($"mkdir -p \"$source/d\" \"$destination\" \"$destination/../outside\"; echo x > \"$source/d/x\"; {make}");
        string before = Shell("stat -c '%F %i' \"$destination/d\"");
        ContainerdException failure = CopyFails(ErrorKind.FailedPrecondition);
        Assert.That(failure.Subject, Is.EqualTo(Path.Join(Destination, "d")));
        Assert.That(Shell("stat -c '%F %i' \"$destination/d\""), Is.EqualTo(before));
        await CopyAsync(Mirror);
        Assert.That(Paths(), Is.EqualTo("d/ d/x"));
        Assert.That(Shell("ls \"$destination/../outside\""), Is.Empty);
    }

    /// <summary>A directory stays where a file would have to go, unless the source is mirrored.</summary>
    [TestCase("echo file > \"$source/d\"")]
    [TestCase("ln -s elsewhere \"$source/d\"")]
    [TestCase("mknod \"$source/d\" c 0 0")]
    public async Task ADirectoryInTheWayOfAFile(string make)
    {
        Shell($"mkdir -p \"$destination/d/below\"; {make}");
        ContainerdException failure = CopyFails(ErrorKind.FailedPrecondition);
        Assert.That(failure.Subject, Is.EqualTo(Path.Join(Destination, "d")));
        Assert.That(Paths(), Is.EqualTo("d/ d/below/"));
        await CopyAsync(Mirror);
        Assert.That(Paths(), Is.EqualTo("d"));
    }

    /// <summary>What the destination would give to everything made in it is not in the copy.</summary>
    [Test]
    public async Task AnAclOfTheDestinationIsNotInherited()
    {
        byte[] acl = new TarBuilder().Directory("./", new TarEntryOptions
        {
            Pax = [("SCHILY.acl.default", "user::rwx,user:4321:rwx,group::r-x,mask::rwx,other::r-x"u8.ToArray()), ("SCHILY.xattr.user.stale", "1"u8.ToArray())],
        }).Directory("both", new TarEntryOptions { Pax = [("SCHILY.acl.default", "user::rwx,group::r-x,other::r-x"u8.ToArray())] }).ToArray();
        TreeSnapshot.Unpack(acl, Destination);
        Shell("mkdir -p \"$source/d/e\" \"$source/both\"; echo x > \"$source/d/e/f\"; echo x > \"$source/both/f\"; mkfifo \"$source/d/p\"; ln -s x \"$source/d/l\"");
        IReadOnlyList<string> expected = TreeSnapshot.Describe(Source);
        await CopyAsync();
        Assert.That(TreeSnapshot.Describe(Destination), Is.EqualTo(expected));
    }

    /// <summary>Only whole trees apart from each other are copied.</summary>
    [Test]
    public void ATreeIsNotCopiedIntoItself([Values] bool mirror)
    {
        Shell("mkdir -p \"$source/a/b\"; echo x > \"$source/a/x\"; ln -s source alias");
        string before = Shell("find \"$source\" -printf '%P %C@\\n'");
        IFileTreeCopier copier = CreateCopier();
        var options = new FileTreeCopyOptions { Mirror = mirror };
        foreach ((string from, string to) in new[]
        {
            (Source, Source), (Source, Path.Join(Source, "a/b")), (Path.Join(Source, "a"), Source), (Path.Join(_sourceScratch, "alias"), Source),
            (Source, Path.Join(_sourceScratch, "alias/a")),
        })
        {
            Assert.That(
                Assert.ThrowsAsync<ContainerdException>(() => copier.CopyAsync(from, to, options))!.Kind, Is.EqualTo(ErrorKind.InvalidArgument), $"{from} to {to}");
        }
        Assert.That(Shell("find \"$source\" -printf '%P %C@\\n'"), Is.EqualTo(before));
    }

    /// <summary>A source that is not there.</summary>
    [Test]
    public void AMissingSourceIsNotFound()
    {
        Directory.Delete(Source);
        CopyFails(ErrorKind.NotFound);
    }

    /// <summary>A destination that is a file.</summary>
    [Test]
    public void AFileCannotBeTheDestination()
    {
        Shell("echo x > \"$destination\"");
        CopyFails(ErrorKind.FailedPrecondition);
        Assert.That(Shell("cat \"$destination\""), Is.EqualTo("x\n"));
    }

    /// <summary>A destination that is full: told as what it is, with what was made left as whole files.</summary>
    [Test, RequiresFileSystem("tmpfs"), RequiresProgram("mount")]
    public void AFullDestinationIsTold()
    {
        Shell("for i in {1..20}; do head -c 100000 /dev/urandom > \"$source/$i\"; done; mkdir \"$destination\"; mount -t tmpfs -o size=1m none \"$destination\"");
        CopyFails(ErrorKind.ResourceExhausted);
        Assert.That(Shell("cd \"$destination\"; for f in *; do cmp \"$f\" \"$source/$f\"; done; ls | wc -l"), Is.Not.EqualTo("0\n"));
    }

    /// <summary>A copy that was called off before it began does nothing.</summary>
    [Test]
    public void ACancelledCopyDoesNotBegin()
    {
        Shell("echo x > \"$source/x\"");
        Assert.That(
            () => CreateCopier().CopyAsync(Source, Destination, cancellationToken: new CancellationToken(canceled: true)),
            Throws.InstanceOf<OperationCanceledException>());
        Assert.That(Directory.Exists(Destination), Is.False);
    }

    /// <summary>A copy can be stopped while it runs, and done again.</summary>
    [Test]
    public async Task ACopyCanBeStopped()
    {
        Shell("cd \"$source\"; for d in {1..20}; do mkdir $d; touch $d/{1..100}; done");
        using var stop = new CancellationTokenSource();
        var progress = new Reported(_ => stop.Cancel());
        OperationCanceledException cancelled = Assert.CatchAsync<OperationCanceledException>(
            () => CreateCopier().CopyAsync(Source, Destination, progress: progress, cancellationToken: stop.Token))!;
        Assert.That(cancelled.CancellationToken, Is.EqualTo(stop.Token));
        Assert.That(long.Parse(Shell("find \"$destination\" | wc -l"), null), Is.LessThan(2000));
        await CopyAsync();
        Assert.That(TreeSnapshot.Describe(Destination, withAccessTimes: false), Is.EqualTo(TreeSnapshot.Describe(Source, withAccessTimes: false)));
    }

    /// <summary>Totals grow, and the last ones told are those returned.</summary>
    [Test]
    public async Task ProgressEndsWithTheTotals()
    {
        Shell("cd \"$source\"; for d in {1..20}; do mkdir $d; touch $d/{1..100}; done");
        var told = new List<FileTreeCopyProgress>();
        FileTreeCopyProgress totals = await CreateCopier().CopyAsync(Source, Destination, progress: new Reported(told.Add));
        Assert.That(totals.Entries, Is.EqualTo(2020));
        Assert.That(told, Has.Count.GreaterThan(1));
        Assert.That(told[^1], Is.EqualTo(totals));
        Assert.That(told.Select(total => total.Entries), Is.Ordered);
        Assert.That(told.Select(total => total.Bytes), Is.Ordered);
    }

    private sealed class Reported(Action<FileTreeCopyProgress> told) : IProgress<FileTreeCopyProgress>
    {
        public void Report(FileTreeCopyProgress value) => told(value);
    }
}

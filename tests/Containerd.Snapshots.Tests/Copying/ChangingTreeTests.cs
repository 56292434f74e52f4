namespace Containerd.Snapshots;

/// <summary>What happens to a copy whose trees do not hold still, by accident or on purpose.</summary>
public sealed class ChangingTreeTests : CopyTest
{
    [Test]
    public void AFileThatGrowsIsNoCopy()
    {
        Shell("head -c 80000000 /dev/zero | tr '\\0' x > source/file");
        ContainerdException failure = CopyFails(ErrorKind.FailedPrecondition, progress: new Once(() => File.AppendAllText(Path.Join(Source, "file"), "more")));
        Assert.That(failure.Subject, Is.EqualTo(Path.Join(Source, "file")));
        Assert.That(File.Exists(Path.Join(Destination, "file")), Is.False);
    }

    [Test]
    public void AFileThatShrinksIsNoCopy()
    {
        Shell("head -c 80000000 /dev/zero | tr '\\0' x > source/file");
        CopyFails(ErrorKind.FailedPrecondition, progress: new Once(() => File.WriteAllText(Path.Join(Source, "file"), "")));
        Assert.That(File.Exists(Path.Join(Destination, "file")), Is.False);
    }

    /// <summary>Other names are linked while the content is still on the way: they go with the one that carries it.</summary>
    [TestCase(false, TestName = "NoNameOfAFileIsLeftOfWhichTheContentIsNot(cancelled)")]
    [TestCase(true, TestName = "NoNameOfAFileIsLeftOfWhichTheContentIsNot(changed)")]
    public void NoNameOfAFileIsLeftOfWhichTheContentIsNot(bool changes)
    {
        MakeFileOfManyNames();
        using var cancel = new CancellationTokenSource();
        var progress = new Once(() =>
        {
            AwaitTwoNames();
            if (changes)
                File.AppendAllText(Path.Join(Source, "a/big"), "more");
            else
                cancel.Cancel();
        });
        if (changes)
            CopyFails(ErrorKind.FailedPrecondition, progress: progress);
        else
            Assert.That(() => Copier().Copy(Source, Destination, progress: progress, cancellationToken: cancel.Token), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(Shell("find destination -name big"), Is.Empty);
    }

    [TestCase("rm $d/big")]
    [TestCase("mv $d ../aside-$d; mkdir $d")]
    public void WhatHasReplacedANameOfAFileIsNotRemovedInItsPlace(string removal)
    {
        MakeFileOfManyNames();
        using var cancel = new CancellationTokenSource();
        var progress = new Once(() =>
        {
            AwaitTwoNames();
            Shell($"cd destination; for d in $(dirname */big); do {removal}; echo theirs > $d/big; done");
            cancel.Cancel();
        });
        Assert.That(() => Copier().Copy(Source, Destination, progress: progress, cancellationToken: cancel.Token), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(Shell("cat destination/*/big"), Does.StartWith("theirs\ntheirs\n"));
    }

    [Test]
    public void ADirectoryThatChangesIsNoCopy()
    {
        Shell("touch source/{1..2000}");
        ContainerdException failure = CopyFails(ErrorKind.FailedPrecondition, progress: new Once(() => File.WriteAllText(Path.Join(Source, "new"), "")));
        Assert.That(failure.Subject, Is.EqualTo(Source));
    }

    [TestCase("ln -s ../outside")]
    [TestCase("touch")]
    [TestCase("mkdir")]
    [TestCase("mkfifo")]
    public void ADirectoryThatIsReplacedIsNotEntered(string replacement)
    {
        Shell("mkdir source/{a,b}; touch source/{a,b}/{1..2000}; echo secret > outside/secret");
        CopyFails(ErrorKind.FailedPrecondition, parallelism: 1, progress: new Once(() =>
        {
            string other = Directory.Exists(Path.Join(Destination, "a")) ? "b" : "a";
            Shell($"mv source/{other} aside; {replacement} source/{other}");
        }));
        Assert.That(Shell("find destination -name secret"), Is.Empty);
    }

    [Test]
    public void ADestinationThatIsReplacedIsNotEntered([Values] bool mirror)
    {
        Shell("mkdir -p source/{a,b}/below destination/{a,b}/below; touch source/{a,b}/below/{1..2000}; mkdir outside/below; touch outside/below/theirs");
        CopyFails(ErrorKind.FailedPrecondition, new FileTreeCopyOptions(), parallelism: 1, progress: new Once(() =>
        {
            string other = Directory.EnumerateFiles(Path.Join(Destination, "a/below")).Any() ? "b" : "a";
            Shell($"mv destination/{other} aside; ln -s ../outside destination/{other}");
        }));
        Assert.That(Shell("find outside -mindepth 1 -printf '%P '"), Is.EqualTo("below below/theirs "));
        if (mirror)
        {
            Copier().Copy(Source, Destination, new FileTreeCopyOptions { Mirror = true });
            Assert.That(Shell("find outside -mindepth 1 -printf '%P '"), Is.EqualTo("below below/theirs "));
            Assert.That(Shell("diff -r source destination"), Is.Empty);
        }
    }

    /// <summary>Another thread swaps a directory, and a file, of the source for links that lead outside, all the while.</summary>
    [Test]
    public async Task NothingOutsideIsReadWhileTheSourceIsSwapped()
    {
        Shell("mkdir -p source/d/e; for i in {1..50}; do echo good > source/d/e/$i; echo secret > outside/$i; done; mkdir outside/e; cp outside/{1..50} outside/e; echo good > source/f");
        await RaceAsync(Path.Join(Source, "d"), Path.Join(Source, "f"), () =>
        {
            try
            {
                Copier().Copy(Source, Destination);
            }
            finally
            {
                Assert.That(Shell("grep -rl secret destination || true"), Is.Empty);
                Directory.Delete(Destination, recursive: true);
            }
        });
    }

    /// <summary>The same in the destination: nothing outside is written, removed, or given other attributes.</summary>
    [Test]
    public async Task NothingOutsideIsTouchedWhileTheDestinationIsSwapped([Values] bool mirror)
    {
        Shell("mkdir -p source/d/e outside/e; for i in {1..50}; do echo new > source/d/e/$i; ln -s x source/d/l$i; mkfifo source/d/p$i; echo old > outside/$i; echo old > outside/e/$i; done; echo new > source/f; chmod 7777 source/d/e/*");
        string before = Shell("find outside -printf '%P %y %m %U %T@ %C@ %n\\n' | sort");
        await RaceAsync(Path.Join(Destination, "d"), Path.Join(Destination, "f"), () => Copier().Copy(Source, Destination, new FileTreeCopyOptions { Mirror = mirror }));
        Assert.That(Shell("find outside -printf '%P %y %m %U %T@ %C@ %n\\n' | sort"), Is.EqualTo(before));
    }

    private void MakeFileOfManyNames() => Shell("mkdir source/{a,b,c}; head -c 80000000 /dev/zero | tr '\\0' x > source/a/big; ln source/a/big source/b; ln source/a/big source/c");

    private void AwaitTwoNames() =>
        Assert.That(() => Directory.GetFiles(Destination, "big", SearchOption.AllDirectories).Length, Is.GreaterThanOrEqualTo(2).After(10_000, 1));

    private async Task RaceAsync(string directory, string file, Action copy)
    {
        Directory.CreateDirectory(Destination);
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        Task<int> swapping = Task.Factory.StartNew(
            () => Swap(directory, file, stop.Token), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        int copied = 0, refused = 0;
        var reasons = new HashSet<string>();
        while (!stop.IsCancellationRequested)
        {
            try
            {
                copy();
                copied++;
            }
            catch (ContainerdException e)
            {
                refused++;
                reasons.Add($"{e.Kind} {e.Message.Split('\'')[^1]}");
            }
        }
        int swaps = await swapping;
        TestContext.Out.WriteLine($"{copied} copied, {refused} refused, {swaps} swaps; {string.Join("; ", reasons)}");
        Assert.That(swaps, Is.GreaterThan(100));
        Assert.That(copied + refused, Is.GreaterThan(5));
    }

    private int Swap(string directory, string file, CancellationToken stop)
    {
        int swaps = 0;
        string aside = Path.Join(Scratch, "aside"), fileAside = Path.Join(Scratch, "file-aside");
        while (!stop.IsCancellationRequested)
        {
            try
            {
                Directory.Move(directory, aside);
                File.CreateSymbolicLink(directory, Outside);
                File.Move(file, fileAside);
                File.CreateSymbolicLink(file, Path.Join(Outside, "1"));
                swaps++;
                File.Delete(directory);
                Directory.Move(aside, directory);
                File.Delete(file);
                File.Move(fileAside, file);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // The copy made or removed one of them meanwhile: start again from what is there.
                StartAgain(directory, file, aside, fileAside);
            }
        }
        return swaps;
    }

    private static void StartAgain(string directory, string file, string aside, string fileAside)
    {
        try
        {
            if (new DirectoryInfo(directory).LinkTarget is not null)
                File.Delete(directory);
            if (new FileInfo(file).LinkTarget is not null)
                File.Delete(file);
            if (Directory.Exists(aside) && Directory.Exists(directory))
                Directory.Delete(aside, recursive: true);
            else if (Directory.Exists(aside))
                Directory.Move(aside, directory);
            if (File.Exists(fileAside))
                File.Move(fileAside, file, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Changed once more: the next round looks again.
        }
    }
}

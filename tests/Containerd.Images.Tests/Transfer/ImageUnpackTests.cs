using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Containerd.Conformance;

namespace Containerd.Images.Tests;

/// <summary>Unpacking into real snapshots, layers side by side (U-5) and one after the other.</summary>
[RequiresRoot, RequiresFileSystem("overlay")]
public sealed class ImageUnpackTests
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(30);

    private static TarBuilder Layer(string name, string content = "") => new TarBuilder().File(name, content.Length == 0 ? name : content);

    [Test]
    public async Task LayersAreExtractedSideBySide()
    {
        await using var bed = new UnpackBed();
        Image image = await bed.AddAsync(Layer("a"), Layer("b"), Layer("c"));
        // The lowest waits for the highest: one after the other never ends.
        var highest = new TaskCompletionSource();
        bed.Applier.Before = async (layer, token) =>
        {
            if (layer == image.Layers[2])
                highest.SetResult();
            await highest.Task.WaitAsync(Soon, token);
        };
        string top = await bed.UnpackAsync(image);
        Assert.That(top, Is.EqualTo(image.ChainId));
        Assert.That(await bed.ShowAsync(top), Is.EqualTo(new[] { "a=a", "b=b", "c=c" }));
        Assert.That(bed.Applier.Applied, Is.EquivalentTo(image.Layers.Select(layer => layer.Digest)), "each once");
        await bed.AssertTidyAsync(image);
    }

    [Test]
    public async Task NoMoreAreExtractedAtOnceThanAllowed([Values(1, 2)] int most)
    {
        await using var bed = new UnpackBed(maxExtractions: most);
        TarBuilder[] layers = [.. Enumerable.Range(0, 6).Select(i => Layer($"{i}"))];
        Image[] images = [await bed.AddAsync(layers), await bed.AddAsync([.. layers.Reverse()])];
        bed.Applier.Before = (_, token) => Task.Delay(20, token);
        await Task.WhenAll(images.Select(image => bed.UnpackAsync(image)));
        Assert.That(bed.Applier.Most, Is.EqualTo(most), "of all calls together");
        await bed.AssertTidyAsync(images);
    }

    [Test]
    public async Task WhereASnapshotterCannotRebaseOneLayerFollowsTheOther()
    {
        await using var bed = new UnpackBed("native");
        Image image = await bed.AddAsync(Layer("a"), new TarBuilder().Whiteout("a").Directory("d", new() { Mode = 0x1C0 }), Layer("d/b"), Layer("c"));
        bed.Applier.Before = (_, token) => Task.Delay(10, token);
        string top = await bed.UnpackAsync(image);
        Assert.That(bed.Applier.Most, Is.EqualTo(1));
        Assert.That(bed.Applier.Applied, Is.EqualTo(image.Layers.Select(layer => layer.Digest)));
        IReadOnlyList<TreeFile> tree = await bed.ReadAsync(top);
        Assert.That(tree.Select(file => $"{file} {Convert.ToString(file.Mode, 8)}"), Is.EqualTo(new[] { "c=c 644", "d/ 700", "d/b=d/b 644" }));
        await bed.AssertTidyAsync(image);
    }

    [Test]
    public async Task MoreLayersThanAreInHandAtOnce()
    {
        await using var bed = new UnpackBed();
        Image image = await bed.AddAsync([.. Enumerable.Range(0, 100).Select(i => Layer("last", $"{i}").File($"file-{i}", "").Whiteout($"file-{i - 1}"))]);
        Assert.That(await bed.ShowAsync(await bed.UnpackAsync(image)), Is.EqualTo(new[] { "file-99=", "last=99" }));
        await bed.AssertTidyAsync(image);
    }

    /// <summary>What a layer implies but does not describe is as it is beneath (U-5's own fault).</summary>
    [Test]
    public async Task ImpliedDirectoriesStayAsTheyAre()
    {
        await using var bed = new UnpackBed();
        var tmp = new TarEntryOptions { Mode = 0x3FF, Uid = 12, Gid = 34 };
        Image image = await bed.AddAsync(
            new TarBuilder().Directory("tmp", tmp).Directory("home", new() { Mode = 0x1C0 }),
            new TarBuilder().File("tmp/x/y", "1").File("home/user", "2"),
            new TarBuilder().Whiteout("tmp/x/y").File("tmp/x/z", "3").Directory("home", new() { Mode = 0x1E8, Uid = 5 }));
        IReadOnlyList<TreeFile> tree = await bed.ReadAsync(await bed.UnpackAsync(image));
        Assert.That(tree.Select(file => $"{file} {Convert.ToString(file.Mode, 8)} {file.Uid}:{file.Gid}"), Is.EqualTo(new[]
        {
            "home/ 750 5:0", "home/user=2 644 0:0", "tmp/ 1777 12:34", "tmp/x/ 755 0:0", "tmp/x/z=3 644 0:0",
        }));
        Assert.That(tree.Single(file => file.Path == "tmp").ModifyTime, Does.StartWith("1000000000"), "its time as well");
        Assert.That(bed.Applier.Applied, Has.Exactly(3).Items, "for that, nothing is extracted twice");
        await bed.AssertTidyAsync(image);
    }

    /// <summary>What comes before the entry of its directory goes where the parent leads it, which is through a link here; the directory then replaces the link.</summary>
    [Test]
    public async Task ADirectoryDescribedAfterWhatIsInItReplacesTheLinkItLedThrough()
    {
        await using var bed = new UnpackBed();
        TarBuilder late = new TarBuilder().File("a/x", "1").Directory("a");
        Image image = await bed.AddAsync(new TarBuilder().Directory("b").SymbolicLink("a", "b"), late), other = await bed.AddAsync(new TarBuilder().Directory("a"), late);
        Assert.That(await bed.ShowAsync(await bed.UnpackAsync(image)), Is.EqualTo(new[] { "a/", "b/", "b/x=1" }));
        Assert.That(await bed.ShowAsync(await bed.UnpackAsync(other)), Is.EqualTo(new[] { "a/", "a/x=1" }), "the tree of the one is not that of the other");
    }

    /// <summary>The same where the directory hides what is beneath it only after something was put into it, or is gone again at the end.</summary>
    [TestCase("marked as opaque", "lib->usr/lib usr/ usr/lib/ usr/lib/new=n")]
    [TestCase("removed afterwards", "usr/ usr/lib/ usr/lib/new=n usr/lib/old=0")]
    [TestCase("removed before", "lib/ lib/new=n usr/ usr/lib/ usr/lib/old=0")]
    [TestCase("in one that is marked", "lib->usr/lib usr/ usr/lib/ usr/lib/in/ usr/lib/in/new=n")]
    [TestCase("replaced by a link", "lib->elsewhere usr/ usr/lib/ usr/lib/new=n usr/lib/old=0")]
    public async Task WhatIsPutIntoADirectoryThatHidesLaterGoesWhereTheParentLeadsIt(string how, string expected)
    {
        await using var bed = new UnpackBed();
        TarBuilder layer = how switch
        {
            "marked as opaque" => new TarBuilder().File("lib/new", "n").Opaque("lib"),
            "removed afterwards" => new TarBuilder().File("lib/new", "n").Whiteout("lib"),
            "removed before" => new TarBuilder().Whiteout("lib").File("lib/new", "n"),
            "in one that is marked" => new TarBuilder().File("lib/in/new", "n").Opaque("lib"),
            _ => new TarBuilder().File("lib/new", "n").SymbolicLink("lib", "elsewhere"),
        };
        Image image = await bed.AddAsync(new TarBuilder().Directory("usr/lib").File("usr/lib/old", "0").SymbolicLink("lib", "usr/lib"), layer);
        Assert.That(await bed.ShowAsync(await bed.UnpackAsync(image)), Is.EqualTo(expected.Split(' ')));
        // The tree of this chain must not become that of another.
        Image other = await bed.AddAsync(new TarBuilder().File("kept"), layer);
        string[] alone = [.. (await bed.ShowAsync(await bed.UnpackAsync(other))).Where(line => line != "kept=")];
        Assert.That(alone, Is.EqualTo(how switch
        {
            "removed afterwards" => (string[])["lib/", "lib/new=n"],
            "in one that is marked" => ["lib/", "lib/in/", "lib/in/new=n"],
            "replaced by a link" => ["lib->elsewhere"],
            _ => ["lib/", "lib/new=n"],
        }));
    }

    /// <summary>A directory that no entry describes has the parent's mode, also where it hides what is beneath; one that came after that does not.</summary>
    [Test]
    public async Task DirectoriesThatHideLaterAreThoseOfTheParent([Values] bool before)
    {
        await using var bed = new UnpackBed();
        TarBuilder up = new();
        if (before)
            up.Whiteout("d");
        up.File("d/new", "n");
        if (!before)
            up.Opaque("d");
        Image image = await bed.AddAsync(new TarBuilder().Directory("d", new() { Mode = 0x5C0, Uid = 7, Gid = 8 }).File("d/old"), up);
        TreeFile directory = (await bed.ReadAsync(await bed.UnpackAsync(image))).Single(file => file.Path == "d");
        Assert.That((directory.Mode, directory.Uid, directory.Gid), Is.EqualTo(before ? (0x1ED, 0u, 0u) : (0x5C0, 7u, 8u)));
    }

    [Test]
    public async Task DeletionsAreOfWhatIsBeneath()
    {
        await using var bed = new UnpackBed();
        Image image = await bed.AddAsync(
            new TarBuilder().Whiteout("never").File("kept", "0").File("deleted", "0").Directory("opaque").File("opaque/hidden", "0").Directory("gone").File("gone/file", "0"),
            new TarBuilder().Whiteout("deleted").Directory("opaque").Opaque("opaque").File("opaque/shown", "1").Whiteout("gone"),
            new TarBuilder().File("deleted", "2").File("never", "2").Directory("gone").File("gone/new", "2"));
        Assert.That(await bed.ShowAsync(await bed.UnpackAsync(image)), Is.EqualTo(new[]
        {
            "deleted=2", "gone/", "gone/new=2", "kept=0", "never=2", "opaque/", "opaque/shown=1",
        }));
        Assert.That(bed.Applier.Applied, Has.Exactly(3).Items);
        await bed.AssertTidyAsync(image);
    }

    /// <summary>overlayfs looks for whiteouts in a directory only where something is beneath, or the directory says so: else it lists files that are not there.</summary>
    [Test]
    public async Task WhatDeletesNothingIsNotSeen()
    {
        await using var bed = new UnpackBed();
        TarBuilder deletes = new TarBuilder().Directory("d").Whiteout("d/x").Directory("o").Opaque("o").Whiteout("o/x").Whiteout("implied/x");
        Image bottom = await bed.AddAsync(deletes), middle = await bed.AddAsync(Layer("a"), deletes, Layer("b"));
        Assert.That(await bed.ShowAsync(await bed.UnpackAsync(bottom)), Is.EqualTo(new[] { "d/", "implied/", "o/" }));
        Assert.That(await bed.ShowAsync(await bed.UnpackAsync(middle)), Is.EqualTo(new[] { "a=a", "b=b", "d/", "implied/", "o/" }));
    }

    [Test]
    public async Task AnImageOfWhiteoutsAloneIsEmpty()
    {
        await using var bed = new UnpackBed();
        Image image = await bed.AddAsync(new TarBuilder().Whiteout("a").Whiteout("b"));
        Assert.That(await bed.ShowAsync(await bed.UnpackAsync(image)), Is.Empty);
    }

    /// <summary>An overlay does not look whether its own root is opaque, so what such a layer hides has to be named, which only an extraction on the parent can.</summary>
    [Test]
    public async Task AnOpaqueRootHidesEverythingBeneath()
    {
        await using var bed = new UnpackBed();
        Image image = await bed.AddAsync(Layer("a"), Layer("d/b"), new TarBuilder().File("d/c", "2").Opaque(""), Layer("e"));
        Assert.That(await bed.ShowAsync(await bed.UnpackAsync(image)), Is.EqualTo(new[] { "d/", "d/c=2", "e=e" }));
        await bed.AssertTidyAsync(image);
    }

    [Test]
    public async Task AHardLinkIntoALowerLayerIsResolvedThere()
    {
        await using var bed = new UnpackBed();
        Image image = await bed.AddAsync(
            new TarBuilder().Directory("usr").Directory("usr/bin").File("usr/bin/tool", "v1", new() { Mode = 0x1ED, Uid = 7 }).SymbolicLink("bin", "usr/bin"),
            new TarBuilder().File("own", "own").HardLink("linked", "usr/bin/tool", new() { Mode = 0x1ED, Uid = 7 }),
            new TarBuilder().HardLink("again", "bin/tool", new() { Mode = 0x1ED, Uid = 7 }));
        // The lowest ends last, so that the others are tried without it.
        var begun = new CountdownEvent(2);
        bed.Applier.Before = async (layer, token) =>
        {
            if (layer == image.Layers[0])
                await Task.Run(() => begun.Wait(Soon, token), token);
            else if (!begun.IsSet)
                begun.Signal();
        };
        string top = await bed.UnpackAsync(image);
        Dictionary<string, TreeFile> tree = (await bed.ReadAsync(top)).ToDictionary(file => file.Path);
        Assert.That(tree["linked"].ToString(), Is.EqualTo("linked=v1"));
        Assert.That(tree["again"].Inode, Is.EqualTo(tree["usr/bin/tool"].Inode));
        Assert.That((tree["again"].Mode, tree["again"].Uid), Is.EqualTo((0x1ED, 7u)));
        Assert.That(image.Layers.Select(layer => bed.Applier.Applied.Count(applied => applied == layer.Digest)), Is.EqualTo(new[] { 1, 2, 2 }), "again on the parent");
        await bed.AssertTidyAsync(image);
    }

    [Test]
    public async Task AHardLinkToNothingFailsAsItDoesInOrder()
    {
        await using var bed = new UnpackBed();
        Image image = await bed.AddAsync(Layer("a"), new TarBuilder().HardLink("b", "missing"), Layer("c"));
        var e = Assert.ThrowsAsync<ContainerdException>(() => bed.UnpackAsync(image));
        Assert.That(e.Kind, Is.EqualTo(ErrorKind.InvalidArgument));
        Assert.That(e.Message, Does.Contain("hard link"));
        await bed.AssertTidyAsync(image);
        Assert.That(await bed.Snapshots.FindAsync(image.ChainId!), Is.Null);
    }

    [Test]
    public async Task ALayerGoesThroughTheLinksBeneath()
    {
        await using var bed = new UnpackBed();
        Image image = await bed.AddAsync(
            new TarBuilder().Directory("usr").Directory("usr/lib").SymbolicLink("lib", "usr/lib").File("file", "0"),
            new TarBuilder().File("lib/through", "1").File("usr/lib/direct", "1"),
            new TarBuilder().Directory("lib").File("lib/own", "2").Directory("file").File("file/below", "2"),
            new TarBuilder().Whiteout("lib/own"));
        Assert.That(await bed.ShowAsync(await bed.UnpackAsync(image)), Is.EqualTo(new[]
        {
            "file/", "file/below=2", "lib/", "usr/", "usr/lib/", "usr/lib/direct=1", "usr/lib/through=1",
        }));
        await bed.AssertTidyAsync(image);
    }

    [Test]
    public async Task APathThroughAFileBeneathFailsAsItDoesInOrder()
    {
        await using var bed = new UnpackBed();
        Image image = await bed.AddAsync(Layer("file"), Layer("file/below"));
        Assert.That(() => bed.UnpackAsync(image), Throws.InstanceOf<ContainerdException>().With.Property(nameof(ContainerdException.Kind)).EqualTo(ErrorKind.InvalidArgument));
        await bed.AssertTidyAsync(image);
    }

    [Test]
    public async Task ALayerThatAnImageHasTwiceIsExtractedOnce()
    {
        await using var bed = new UnpackBed();
        TarBuilder twice = new TarBuilder().Directory("d").Opaque("d").File("d/twice", "2");
        Image image = await bed.AddAsync(Layer("base"), twice, new TarBuilder().Directory("d").File("d/between", "1"), twice, new TarBuilder(), new TarBuilder());
        Assert.That(await bed.ShowAsync(await bed.UnpackAsync(image)), Is.EqualTo(new[] { "base=base", "d/", "d/twice=2" }));
        Assert.That(bed.Applier.Applied, Is.Unique);
        await bed.AssertTidyAsync(image);
    }

    [Test]
    public async Task WhatAnotherChainHasIsNotExtractedAgain()
    {
        await using var bed = new UnpackBed();
        TarBuilder[] above = [new TarBuilder().Directory("d").File("d/x", "1").Whiteout("old"), Layer("y")];
        Image before = await bed.AddAsync([Layer("base", "1"), .. above]);
        Image after = await bed.AddAsync([new TarBuilder().File("base", "2").File("old", "2").Directory("d", new() { Mode = 0x1C0 }).File("d/below", "2"), .. above]);
        await bed.UnpackAsync(before);
        bed.Applier.Applied.Clear();
        // What is on top can be found only while the base is extracted.
        bed.Applier.Before = (_, token) => Task.Delay(200, token);
        Assert.That(await bed.ShowAsync(await bed.UnpackAsync(after)), Is.EqualTo(new[] { "base=2", "d/", "d/below=2", "d/x=1", "y=y" }));
        Assert.That(bed.Applier.Applied, Is.EqualTo(new[] { after.Layers[0].Digest }));
        await bed.AssertTidyAsync(before, after);
    }

    [Test]
    public async Task TheFirstFailureStopsTheOthersAndIsTold()
    {
        await using var bed = new UnpackBed();
        Image image = await bed.AddAsync(made => made.DiffIds[2] = Digest.Sha256("else"u8), Layer("a"), Layer("b"), Layer("c"), Layer("d"));
        var others = new ConcurrentQueue<Descriptor>();
        bed.Applier.Before = async (layer, token) =>
        {
            if (layer == image.Layers[2])
                return;
            others.Enqueue(layer);
            await Task.Delay(Timeout.Infinite, token);
        };
        var e = Assert.ThrowsAsync<DigestMismatchException>(() => bed.UnpackAsync(image).WaitAsync(Soon));
        Assert.That(e.Message, Does.Contain("Layer 2"));
        Assert.That(others, Is.Not.Empty);
        Assert.That(await bed.Snapshots.ListAsync().ToListAsync(), Is.Empty);
        await bed.AssertTidyAsync(image);
    }

    [Test]
    public async Task ALayerIsVerifiedBeforeItIsCommitted()
    {
        await using var bed = new UnpackBed();
        Image image = await bed.AddAsync(made => made.DiffIds[1] = Digest.Sha256("else"u8), Layer("a"), new TarBuilder().HardLink("b", "a"), Layer("c"));
        Assert.ThrowsAsync<DigestMismatchException>(() => bed.UnpackAsync(image), "also one that is extracted on its parent");
        Assert.That((await bed.Snapshots.ListAsync().ToListAsync()).Select(snapshot => snapshot.Name), Is.SubsetOf(new[] { image.DiffIds[0].ToString() }));
        await bed.AssertTidyAsync(image);
    }

    [Test]
    public async Task ACancelledUnpackingLeavesNoActiveSnapshot()
    {
        await using var bed = new UnpackBed();
        Image image = await bed.AddAsync(Layer("a"), Layer("b"), Layer("c"));
        using var cancel = new CancellationTokenSource();
        int running = 0;
        bed.Applier.Before = async (_, token) =>
        {
            if (Interlocked.Increment(ref running) == 3)
                await cancel.CancelAsync();
            await Task.Delay(Timeout.Infinite, token);
        };
        Assert.That(() => bed.UnpackAsync(image, cancellationToken: cancel.Token).WaitAsync(Soon), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(await bed.Snapshots.ListAsync().ToListAsync(), Is.Empty);
        await bed.AssertTidyAsync(image);

        bed.Applier.Before = (_, _) => Task.CompletedTask;
        Assert.That(await bed.ShowAsync(await bed.UnpackAsync(image)), Has.Exactly(3).Items);
    }

    /// <summary>A snapshotter that says that it has committed, but has not (containerd#13264), is found out.</summary>
    [Test]
    public async Task TheTopOfTheChainHasToBeThere()
    {
        await using var bed = new UnpackBed();
        Image image = await bed.AddAsync(Layer("a"));
        var forgetful = new WrappedSnapshotter(bed.Snapshots) { ForgetsCommits = true };
        Assert.That(
            () => bed.Images.UnpackAsync(image, forgetful, bed.Applier),
            Throws.InstanceOf<ContainerdException>().With.Property(nameof(ContainerdException.Kind)).EqualTo(ErrorKind.NotFound));
        await bed.AssertTidyAsync(image);
    }

    /// <summary>An active snapshot that somebody gave a chain's name is nothing that others could be made on, and not taken for the committed one.</summary>
    [Test]
    public async Task AnActiveSnapshotIsNotTakenForACommittedOne([Values("overlay", "native")] string snapshotter, [Values(0, 1)] int layer)
    {
        await using var bed = new UnpackBed(snapshotter);
        Image image = await bed.AddAsync(Layer("a"), Layer("b"));
        string name = ChainId.ComputeAll(image.DiffIds)[layer].ToString();
        await bed.Snapshots.PrepareAsync(name);
        var e = Assert.ThrowsAsync<ContainerdException>(() => bed.UnpackAsync(image).WaitAsync(Soon));
        Assert.That(e, Has.Property("Kind").EqualTo(ErrorKind.AlreadyExists).And.Property("Subject").EqualTo(name));
        await bed.Snapshots.RemoveAsync(name);
        await bed.UnpackAsync(image);
        await bed.AssertTidyAsync(image);
    }

    [Test]
    public async Task CallsThatShareLayersShareTheWork()
    {
        await using var bed = new UnpackBed();
        TarBuilder[] common = [.. Enumerable.Range(0, 5).Select(i => Layer($"common-{i}"))];
        Image[] images = await Task.WhenAll(Enumerable.Range(0, 4).Select(i => bed.AddAsync([.. common, Layer($"own-{i}"), new TarBuilder().HardLink("link", "common-0")])));
        bed.Applier.Before = (_, token) => Task.Delay(5, token);
        string[] tops = await Task.WhenAll(images.Concat(images).Select(image => bed.UnpackAsync(image))).WaitAsync(Soon);
        Assert.That(tops, Is.EqualTo(images.Concat(images).Select(image => image.ChainId)));
        Digest[] shared = [.. images[0].Layers.Take(5).Select(layer => layer.Digest)];
        Assert.That(bed.Applier.Applied.Where(layer => shared.Contains(layer)), Is.Unique);
        for (int i = 0; i < images.Length; i++)
            Assert.That(await bed.ShowAsync(tops[i]), Is.EqualTo((string[])[.. Enumerable.Range(0, 5).Select(n => $"common-{n}=common-{n}"), "link=common-0", $"own-{i}=own-{i}"]));
        await bed.AssertTidyAsync(images);
    }

    /// <summary>Whose content stores are different share no turns: both extract, one commits.</summary>
    [Test]
    public async Task UsersOfDifferentContentStoresCanUnpackTheSame()
    {
        await using var bed = new UnpackBed();
        await using var other = new UnpackBed();
        TarBuilder[] layers = [.. Enumerable.Range(0, 6).Select(i => Layer($"{i}"))];
        Image image = await bed.AddAsync(layers), same = await other.AddAsync(layers);
        string[] tops = await Task.WhenAll(bed.UnpackAsync(image), other.Images.UnpackAsync(same, bed.Snapshots, other.Applier)).WaitAsync(Soon);
        Assert.That(tops, Has.All.EqualTo(image.ChainId));
        Assert.That(await bed.ShowAsync(tops[0]), Has.Exactly(6).Items);
        await bed.AssertTidyAsync(image);
    }

    [Test]
    public async Task ProcessesThatUnpackImagesWithLayersInCommonAllEnd()
    {
        await using var bed = new UnpackBed();
        TarBuilder[] common = [.. Enumerable.Range(0, 12).Select(i => Layer($"common-{i}"))];
        Image[] images = [await bed.AddAsync([.. common, Layer("one")]), await bed.AddAsync([.. common, Layer("two")])];
        Process[] processes = [.. images.Concat(images).Select(image => Start("unpack", bed.ContentRoot, image.Name, bed.SnapshotRoot))];
        try
        {
            string[] outputs = await Task.WhenAll(processes.Select(process => process.StandardOutput.ReadToEndAsync())).WaitAsync(Soon);
            string[] errors = await Task.WhenAll(processes.Select(process => process.StandardError.ReadToEndAsync()));
            Assert.That(outputs.Select(output => output.Trim()), Is.EqualTo(images.Concat(images).Select(image => image.ChainId)), string.Concat(errors));
        }
        finally
        {
            foreach (Process process in processes)
            {
                process.Kill();
                process.Dispose();
            }
        }
        string[] shown = await bed.ShowAsync(images[1].ChainId!);
        Assert.That(shown, Has.Length.EqualTo(13));
        Assert.That(shown, Has.Member("two=two"));
        await bed.AssertTidyAsync(images);
    }

    [Test]
    public async Task WhatAKilledProcessLeftOfSeveralLayersGoesWithTheNextUnpacking()
    {
        await using var bed = new UnpackBed();
        Image image = await bed.AddAsync(Layer("a"), Layer("b"), Layer("c"));
        using (Process child = Start("unpack-stuck", bed.ContentRoot, image.Name, bed.SnapshotRoot))
        {
            for (int i = 0; i < 3; i++)
                Assert.That(await child.StandardOutput.ReadLineAsync().WaitAsync(Soon), Is.EqualTo("extracting"));
            child.Kill();
            await child.WaitForExitAsync();
        }
        Assert.That((await bed.Snapshots.ListAsync().ToListAsync()).Select(snapshot => snapshot.Kind), Is.EqualTo(Enumerable.Repeat(SnapshotKind.Active, 3)));
        Assert.That(await bed.ShowAsync(await bed.UnpackAsync(image)), Is.EqualTo(new[] { "a=a", "b=b", "c=c" }));
        await bed.AssertTidyAsync(image);
    }

    [Test]
    public async Task ProgressOfALayerNeverGoesBack()
    {
        await using var bed = new UnpackBed();
        string large = string.Concat(Enumerable.Range(0, 60_000).Select(i => (i * 7919).ToString(CultureInfo.InvariantCulture)));
        Image image = await bed.AddAsync(Layer("a", large), new TarBuilder().File("b", large + "b").HardLink("c", "a"), Layer("d", large + "d"));
        var reports = new ConcurrentQueue<TransferProgress>();
        await bed.UnpackAsync(image, new Recorder(reports.Enqueue));
        foreach (Descriptor layer in image.Layers)
        {
            TransferProgress[] its = [.. reports.Where(report => report.Content == layer)];
            Assert.That(its[^1], Is.EqualTo(new TransferProgress(TransferPhase.Extracted, layer, layer.Size)));
            Assert.That(its[..^1].Select(report => report.Phase), Has.All.EqualTo(TransferPhase.Extracting));
            Assert.That(its.Select(report => report.Bytes), Is.Ordered);
            Assert.That(its[^2].Bytes, Is.EqualTo(layer.Size), "all of it was consumed");
        }
        Assert.That(reports.Where(report => report.Phase == TransferPhase.Extracted).Select(report => report.Content), Is.EqualTo(image.Layers), "commits are in order");
    }

    private static Process Start(params string[] arguments) =>
        Process.Start(new ProcessStartInfo("dotnet", ["exec", typeof(Program).Assembly.Location, .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true })!;

    private sealed class Recorder(Action<TransferProgress> report) : IProgress<TransferProgress>
    {
        public void Report(TransferProgress value) => report(value);
    }
}

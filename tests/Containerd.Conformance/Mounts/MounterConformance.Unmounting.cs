namespace Containerd.Conformance;

public abstract partial class MounterConformance
{
    /// <summary>Unmounting what is not mounted, or not there, is no error.</summary>
    [Test]
    public void UnmountingIsIdempotent()
    {
        string target = NewDirectory("target", "file");
        Mounter.Mount([Tmpfs()], target);
        Mounter.Unmount(target);
        Mounter.Unmount(target);
        Mounter.Unmount(Path.Join(target, "missing"));
        Mounter.Unmount(Path.Join(target, "file"));
        Assert.That(File.Exists(Path.Join(target, "file")), "nothing is deleted");
    }

    /// <summary>All mounts on one directory are taken off it.</summary>
    [Test]
    public void StackedMountsAllGo()
    {
        string target = NewDirectory("target", "file");
        for (int i = 0; i < 3; i++)
            Mounter.Mount([Tmpfs()], target);
        Assert.That(MountsBeneath(target), Has.Count.EqualTo(3));
        Mounter.Unmount(target);
        Assert.That(MountsBeneath(target), Is.Empty);
    }

    /// <summary>Recursively everything beneath goes first, also where the directory itself is no mount point.</summary>
    [Test]
    public void RecursiveUnmountTakesEverythingBeneath()
    {
        string target = NewDirectory("target"), sibling = NewDirectory("target-sibling");
        Mounter.Mount([Tmpfs()], sibling);
        Mounter.Mount([Tmpfs()], target);
        string inner = NewDirectory("target/inner with blank");
        Mounter.Mount([Tmpfs()], inner);
        Mounter.Mount([Tmpfs()], NewDirectory("target/inner with blank/deep"));
        Mounter.Unmount(target, UnmountOptions.Recursive);
        Assert.That(MountsBeneath(target), Is.Empty);
        Assert.That(MountsBeneath(sibling), Has.Count.EqualTo(1), "a name that begins the same is another directory");

        Mounter.Mount([Tmpfs()], NewDirectory("target/one"));
        Mounter.Unmount(target, UnmountOptions.Recursive);
        Assert.That(MountsBeneath(target), Is.Empty);
    }

    /// <summary>Recursively also what is hidden goes: beneath mounts that others cover.</summary>
    [Test]
    public void RecursiveUnmountTakesWhatIsCovered()
    {
        string target = NewDirectory("target");
        for (int i = 0; i < 3; i++)
        {
            Mounter.Mount([Tmpfs()], target);
            Mounter.Mount([Tmpfs()], NewDirectory("target/inner"));
            Mounter.Mount([Tmpfs()], NewDirectory("target/inner"));
            Mounter.Mount([Tmpfs()], NewDirectory("target/inner/deep"));
        }
        Assert.That(MountsBeneath(target), Has.Count.EqualTo(12));
        Mounter.Unmount(target, UnmountOptions.Recursive);
        Assert.That(MountsBeneath(target), Is.Empty);
    }

    /// <summary>A symbolic link is not followed: what it names stays mounted.</summary>
    [Test]
    public void UnmountDoesNotFollowALink()
    {
        string target = NewDirectory("target"), link = Path.Join(NewDirectory("links"), "link");
        Mounter.Mount([Tmpfs()], target);
        Directory.CreateSymbolicLink(link, target);
        Mounter.Unmount(link);
        Assert.That(MountsBeneath(target), Has.Count.EqualTo(1));
    }

    /// <summary>A path leads to the same directory as in mounting: what <c>..</c> means depends on the links before it.</summary>
    [Test]
    public void UnmountTakesThePathThatMountTook()
    {
        string target = NewDirectory("real/target"), other = NewDirectory("other/target"), path = Path.Join(NewDirectory("other"), "link/../target/.");
        NewDirectory("real/inner");
        Directory.CreateSymbolicLink(Path.Join(Path.GetDirectoryName(other), "link"), "../real/inner");
        Mounter.Mount([Tmpfs()], other);
        Mounter.Mount([Tmpfs()], path);
        Assert.That(MountsBeneath(target), Has.Count.EqualTo(1));
        Mounter.Unmount(path);
        Assert.That(MountsBeneath(target), Is.Empty);
        Assert.That(MountsBeneath(other), Has.Count.EqualTo(1), "it was not named");
    }

    /// <summary>What stays busy is reported with who holds it; lazily it leaves the tree all the same.</summary>
    [Test]
    public void BusyMountsNameTheirHolder()
    {
        string target = NewDirectory("target");
        Mounter.Mount([Tmpfs()], target);
        using (File.Create(Path.Join(target, "held")))
        {
            ContainerdException busy = Assert.Throws<ContainerdException>(() => Mounter.Unmount(target))!;
            Assert.That(busy.Kind, Is.EqualTo(ErrorKind.Unavailable));
            Assert.That(busy.IsTransient);
            Assert.That(busy.Message, Does.Contain($"process {Environment.ProcessId}"));
            Mounter.Unmount(target, UnmountOptions.Lazy);
            Assert.That(MountsBeneath(target), Is.Empty);
        }
    }

    /// <summary>What is busy for a moment only is unmounted in the end.</summary>
    [Test]
    public async Task BusyForAMomentIsWaitedFor()
    {
        string target = NewDirectory("target");
        Mounter.Mount([Tmpfs()], target);
        FileStream held = File.Create(Path.Join(target, "held"));
        IMounter patient = CreateMounter(TimeSpan.FromMinutes(1));
        Task unmounting = Task.Run(() => patient.Unmount(target));
        await Task.Delay(TimeSpan.FromMilliseconds(150));
        Assert.That(unmounting.IsCompleted, Is.False);
        await held.DisposeAsync();
        await unmounting;
        Assert.That(MountsBeneath(target), Is.Empty);
    }
}

using System.Collections.Immutable;

namespace Containerd.Conformance;

public abstract partial class MounterConformance
{
    /// <summary>A bind shows the source and writes through to it.</summary>
    [Test]
    public void BindShowsTheSource()
    {
        string source = NewDirectory("source", "one"), target = NewDirectory("target");
        Mounter.Mount([Mount.Bind(source)], target);
        File.WriteAllText(Path.Join(target, "two"), "two");
        Assert.That(File.ReadAllText(Path.Join(source, "two")), Is.EqualTo("two"));
        Assert.That(File.Exists(Path.Join(target, "one")));
    }

    /// <summary>A read-only bind refuses writes, and leaves the source writable.</summary>
    [Test]
    public void ReadOnlyBindRefusesWrites()
    {
        string source = NewDirectory("source"), target = NewDirectory("target");
        Mounter.Mount([new Mount { Type = "bind", Source = source, Options = ["ro", "rbind"] }], target);
        AssertReadOnly(target);
        Assert.That(() => File.WriteAllText(Path.Join(source, "allowed"), ""), Throws.Nothing);
    }

    /// <summary>A recursive bind takes what is mounted beneath along, and read-only holds for that too.</summary>
    [Test]
    public void RecursiveBindIsReadOnlyThroughout()
    {
        string source = NewDirectory("source"), inner = NewDirectory("source/inner"), target = NewDirectory("target");
        Mounter.Mount([Tmpfs()], inner);
        File.WriteAllText(Path.Join(inner, "file"), "");
        Mounter.Mount([Mount.Bind(source, readOnly: true)], target);
        Assert.That(File.Exists(Path.Join(target, "inner/file")));
        AssertReadOnly(Path.Join(target, "inner"));
        Assert.That(() => File.WriteAllText(Path.Join(inner, "allowed"), ""), Throws.Nothing);
    }

    /// <summary>A plain bind leaves what is mounted beneath the source where it is.</summary>
    [Test]
    public void PlainBindIsOneMount()
    {
        string source = NewDirectory("source"), inner = NewDirectory("source/inner"), target = NewDirectory("target");
        Mounter.Mount([Tmpfs()], inner);
        File.WriteAllText(Path.Join(inner, "file"), "");
        Mounter.Mount([new Mount { Type = "bind", Source = source, Options = ["bind"] }], target);
        Assert.That(File.Exists(Path.Join(target, "inner/file")), Is.False);
    }

    /// <summary>A single file is bound over another.</summary>
    [Test]
    public void FileIsBoundOverFile()
    {
        string source = Path.Join(NewDirectory("source", "file"), "file"), target = Path.Join(NewDirectory("target", "other"), "other");
        Mounter.Mount([Mount.Bind(source)], target);
        Assert.That(File.ReadAllText(target), Is.EqualTo("file"));
    }

    /// <summary>Flags and the file system's own options reach the kernel; of words that contradict each other the last one holds.</summary>
    [Test]
    public void OptionsReachTheKernel()
    {
        string target = NewDirectory("target");
        Mounter.Mount([Tmpfs("nosuid,nodev", "noexec", "exec", "mode=0710", "size=64k", "noatime")], target);
        string[] fields = File.ReadLines("/proc/self/mountinfo").Select(line => line.Split(' ')).Single(line => line[4] == target);
        Assert.That(fields[5].Split(','), Is.SupersetOf(new[] { "nosuid", "nodev", "noatime" }).And.No.Member("noexec"));
        Assert.That(fields[^1].Split(','), Does.Contain("size=64k"));
        Assert.That(File.GetUnixFileMode(target), Is.EqualTo((UnixFileMode)0x1C8));
    }

    /// <summary>Restrictions of a bind hold for it, and those of its source stay.</summary>
    [Test]
    public void BindKeepsTheRestrictionsOfItsSource()
    {
        string source = NewDirectory("source"), target = NewDirectory("target");
        Mounter.Mount([Tmpfs("nodev", "noatime")], source);
        Mounter.Mount([new Mount { Type = "bind", Source = source, Options = ["bind", "nosuid", "ro"] }], target);
        string[] fields = File.ReadLines("/proc/self/mountinfo").Select(line => line.Split(' ')).Single(line => line[4] == target);
        Assert.That(fields[5].Split(','), Is.SupersetOf(new[] { "ro", "nosuid", "nodev", "noatime" }));
    }

    /// <summary>Propagation words set the propagation of the mount.</summary>
    [Test]
    public void PropagationIsSet()
    {
        string source = NewDirectory("source"), target = NewDirectory("target");
        Mounter.Mount([new Mount { Type = "bind", Source = source, Options = ["bind", "shared"] }], target);
        Assert.That(Tag(), Does.StartWith("shared:"));
        Mounter.Unmount(target);
        Mounter.Mount([new Mount { Type = "bind", Source = source, Options = ["rbind", "rprivate"] }], target);
        Assert.That(Tag(), Is.EqualTo("-"));

        string Tag() => File.ReadLines("/proc/self/mountinfo").Select(line => line.Split(' ')).Single(line => line[4] == target)[6];
    }

    /// <summary>An overlay merges its layers, the first lower directory topmost, and takes changes in its upper directory.</summary>
    [Test]
    public void OverlayMergesLayers()
    {
        OverlayMount overlay = NewOverlay();
        string target = NewDirectory("target");
        Mounter.Mount([overlay.ToMount()], target);
        Assert.That(File.ReadAllText(Path.Join(target, "both")), Is.EqualTo("top"));
        Assert.That(File.Exists(Path.Join(target, "below")));
        File.Delete(Path.Join(target, "below"));
        File.WriteAllText(Path.Join(target, "new"), "");
        Assert.That(File.Exists(Path.Join(overlay.UpperDirectory, "new")));
        Mounter.Unmount(target);
        Assert.That(File.Exists(Path.Join(overlay.LowerDirectories[1], "below")), "the layer itself is unchanged");
    }

    /// <summary>Without an upper directory an overlay is read-only.</summary>
    [Test]
    public void OverlayWithoutUpperIsReadOnly()
    {
        string target = NewDirectory("target");
        Mounter.Mount([(NewOverlay() with { UpperDirectory = null, WorkDirectory = null }).ToMount()], target);
        AssertReadOnly(target);
    }

    /// <summary>Directories whose names are full of separators are the directories that were meant.</summary>
    [Test]
    public void OverlayTakesAnyCharacterInItsPaths()
    {
        const string Odd = "a:b,c\\d \"e f\n\rä語\t=";
        string lower = NewDirectory($"{Odd}/lower,:", "low"), other = NewDirectory($"{Odd}/other", "other"), target = NewDirectory("target");
        var overlay = new OverlayMount
        {
            LowerDirectories = [lower, other],
            UpperDirectory = NewDirectory($"{Odd}/up:per,\\"),
            WorkDirectory = NewDirectory($"{Odd}/work"),
        };
        Mounter.Mount([overlay.ToMount()], target);
        File.WriteAllText(Path.Join(target, "new"), "");
        Assert.That(File.Exists(Path.Join(target, "low")) && File.Exists(Path.Join(target, "other")));
        Assert.That(File.Exists(Path.Join(overlay.UpperDirectory, "new")));

        string odd = NewDirectory($"{Odd}/target");
        Mounter.Mount([Mount.Bind(lower, readOnly: true)], odd);
        Assert.That(File.Exists(Path.Join(odd, "low")));
        AssertReadOnly(odd);
        Mounter.Unmount(NewDirectory(Odd), UnmountOptions.Recursive);
        Assert.That(File.Exists(Path.Join(odd, "low")), Is.False);
    }

    /// <summary>Mounts with targets assemble one tree.</summary>
    [Test]
    public void TargetsAssembleATree()
    {
        string root = NewDirectory("root"), data = NewDirectory("data", "file"), target = NewDirectory("target");
        Directory.CreateDirectory(Path.Join(root, "mnt/deep"));
        Mounter.Mount([Mount.Bind(root), Tmpfs() with { Target = "/mnt" }], target);
        Directory.CreateDirectory(Path.Join(target, "mnt/inner"));
        Assert.That(Directory.Exists(Path.Join(root, "mnt/inner")), Is.False, "the tmpfs covers it");
        Mounter.Mount([Mount.Bind(data) with { Target = "mnt/inner" }], target);
        Assert.That(File.Exists(Path.Join(target, "mnt/inner/file")));
    }

    /// <summary>A target that is a link out of the tree is resolved inside the tree.</summary>
    [Test]
    public void TargetsStayInTheTree()
    {
        string outside = NewDirectory("outside"), root = NewDirectory("root"), target = NewDirectory("target");
        Directory.CreateDirectory(Path.Join(root, "inside"));
        Directory.CreateSymbolicLink(Path.Join(root, "absolute"), outside);
        Directory.CreateSymbolicLink(Path.Join(root, "relative"), "../../../../../../inside");

        Assert.That(KindOf(() => Mounter.Mount([Mount.Bind(root), Tmpfs() with { Target = "absolute" }], target)), Is.EqualTo(ErrorKind.NotFound));
        Assert.That(MountsBeneath(outside), Is.Empty);
        Mounter.Mount([Mount.Bind(root), Tmpfs() with { Target = "relative" }], target);
        Assert.That(MountsBeneath(target), Is.EquivalentTo(new[] { target, Path.Join(target, "inside") }));
    }

    /// <summary>When one of several mounts fails, none of them stays.</summary>
    [Test]
    public void FailureTakesEverythingBack()
    {
        string root = NewDirectory("root"), target = NewDirectory("target");
        Directory.CreateDirectory(Path.Join(root, "one"));
        Mount[] mounts = [Mount.Bind(root), Tmpfs() with { Target = "one" }, Mount.Bind(Path.Join(root, "missing")) with { Target = "one" }];
        Assert.That(KindOf(() => Mounter.Mount(mounts, target)), Is.EqualTo(ErrorKind.NotFound));
        Assert.That(MountsBeneath(target), Is.Empty);
        Assert.That(Directory.Exists(Path.Join(root, "one")));
    }

    /// <summary>The kind of failure tells its cause.</summary>
    [Test]
    public void FailuresHaveTheKindOfTheirCause()
    {
        string target = NewDirectory("target");
        OverlayMount overlay = NewOverlay();
        Assert.Multiple(() =>
        {
            Assert.That(KindOf(() => Mounter.Mount([Tmpfs()], Path.Join(target, "missing"))), Is.EqualTo(ErrorKind.NotFound), "target");
            Assert.That(KindOf(() => Mounter.Mount([Mount.Bind(Path.Join(target, "missing"))], target)), Is.EqualTo(ErrorKind.NotFound), "source");
            Assert.That(KindOf(() => Mounter.Mount([(overlay with { LowerDirectories = [Path.Join(target, "missing")] }).ToMount()], target)), Is.EqualTo(ErrorKind.NotFound), "layer");
            Assert.That(KindOf(() => Mounter.Mount([new Mount { Type = "nosuchfs", Source = "none" }], target)), Is.EqualTo(ErrorKind.NotSupported), "type");
            Assert.That(KindOf(() => Mounter.Mount([Tmpfs("nosuchoption=1")], target)), Is.EqualTo(ErrorKind.InvalidArgument), "option");
            Assert.That(KindOf(() => Mounter.Mount([new Mount { Type = "overlay", Source = "overlay" }], target)), Is.EqualTo(ErrorKind.InvalidArgument), "no layer");
            Assert.That(KindOf(() => Mounter.Mount([Tmpfs("X-containerd.mkdir.path=/x")], target)), Is.EqualTo(ErrorKind.NotSupported), "option of another component");
        });
        Assert.That(MountsBeneath(target), Is.Empty);
    }

    /// <summary>No mounts are mounted without complaint.</summary>
    [Test]
    public void NothingIsMountedOfNothing()
    {
        string target = NewDirectory("target");
        Mounter.Mount([], target);
        Assert.That(MountsBeneath(target), Is.Empty);
    }

    private OverlayMount NewOverlay(string parent = "")
    {
        string top = NewDirectory(parent + "top", "topmost"), bottom = NewDirectory(parent + "bottom", "below");
        File.WriteAllText(Path.Join(top, "both"), "top");
        File.WriteAllText(Path.Join(bottom, "both"), "bottom");
        return new OverlayMount
        {
            LowerDirectories = ImmutableArray.Create(top, bottom),
            UpperDirectory = NewDirectory(parent + "upper"),
            WorkDirectory = NewDirectory(parent + "work"),
        };
    }
}

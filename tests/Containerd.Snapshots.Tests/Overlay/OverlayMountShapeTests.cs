namespace Containerd.Snapshots;

public class OverlayMountShapeTests : StoreTest
{
    [Test]
    public async Task Mounts_have_containerds_shapes_and_order_of_options()
    {
        await using var snapshotter = new OverlaySnapshotter(new OverlaySnapshotterOptions { Root = Root, MountOptions = ["xino=off"] });
        await CommitAsync(snapshotter, "one", null, "1");
        await CommitAsync(snapshotter, "two", "one", "2");
        string one = Mounted(await snapshotter.ViewAsync("view-1", "one")).Source;

        Assert.That(Mounted(await snapshotter.PrepareAsync("empty")).Options, Is.EqualTo(new[] { "rw", "rbind" }));
        Assert.That(Mounted(await snapshotter.ViewAsync("empty-view")).Options, Is.EqualTo(new[] { "ro", "rbind" }));
        Assert.That(Mounted(await snapshotter.MountsAsync("view-1")), Is.EqualTo(new Mount { Type = "bind", Source = one, Options = ["ro", "rbind"] }));
        Assert.That(one, Does.StartWith($"{Root}/layers/").And.EndWith("/fs"));

        Mount active = Mounted(await snapshotter.PrepareAsync("active", "two"));
        Assert.That(active.Options.Select(option => option.Split('=')[0]), Is.EqualTo(new[] { "workdir", "upperdir", "lowerdir", "xino", "index" }));
        Assert.That(OverlayMount.TryParse(active, out OverlayMount? overlay));
        Assert.That(overlay!.LowerDirectories[1], Is.EqualTo(one), "the immediate parent comes first");
        Assert.That(Mounted(await snapshotter.ViewAsync("view-2", "two")).Options.Select(option => option.Split('=')[0]), Is.EqualTo(new[] { "lowerdir", "xino", "index" }));
    }

    [Test]
    public async Task A_configured_index_is_the_only_one()
    {
        await using var snapshotter = new OverlaySnapshotter(new OverlaySnapshotterOptions { Root = Root, MountOptions = ["index=on"] });
        await CommitAsync(snapshotter, "one", null, "1");
        Assert.That(Mounted(await snapshotter.PrepareAsync("active", "one")).Options.Where(option => option.StartsWith("index")), Is.EqualTo(new[] { "index=on" }));
    }

    [TestCase("lowerdir=/x")]
    [TestCase("upperdir=/x,ro")]
    [TestCase("")]
    public void Options_that_are_the_snapshotters_own_are_refused(string option) =>
        Assert.That(() => new OverlaySnapshotterOptions { MountOptions = [option] }, Throws.InstanceOf<ArgumentException>());

    [Test]
    public async Task A_root_with_separators_in_its_path_works()
    {
        string root = Path.Join(DirectoryPath, "a:b,c\\d e");
        await using var snapshotter = new OverlaySnapshotter(root);
        await CommitAsync(snapshotter, "one", null, "1");
        await CommitAsync(snapshotter, "two", "one", "2");
        foreach (MountApi api in Enum.GetValues<MountApi>())
        {
            IReadOnlyList<Mount> mounts = await snapshotter.PrepareAsync($"active-{api}", "two");
            string target = Directory.CreateDirectory(Path.Join(DirectoryPath, "target")).FullName;
            new LinuxMounter(new() { Api = api }).Mount(mounts, target);
            Assert.That(Directory.GetFiles(target), Has.Length.EqualTo(2));
            Mounter.Unmount(target);
        }
    }

    [Test]
    public async Task An_upper_directory_has_its_parents_owner_and_mode()
    {
        await using var snapshotter = new OverlaySnapshotter(Root);
        string source = Mounted(await snapshotter.PrepareAsync("key")).Source;
        File.SetUnixFileMode(source, (UnixFileMode)0b111_000_001);
        using (var chown = System.Diagnostics.Process.Start("chown", ["1234:5678", source]))
            await chown.WaitForExitAsync();
        await snapshotter.CommitAsync("layer", "key");
        Assert.That(OverlayMount.TryParse(Mounted(await snapshotter.PrepareAsync("child", "layer")), out OverlayMount? overlay));
        using var stat = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo("stat", ["-c", "%u:%g %a", overlay!.UpperDirectory!]) { RedirectStandardOutput = true })!;
        Assert.That(await stat.StandardOutput.ReadToEndAsync(), Is.EqualTo("1234:5678 701\n"));
    }

    private static Mount Mounted(IReadOnlyList<Mount> mounts) => mounts.Single();
}

using Microsoft.Win32.SafeHandles;

namespace Containerd.Snapshots;

public class TreeRemovalTests : StoreContentTest
{
    [Test]
    public void Links_are_deleted_and_not_followed()
    {
        string outside = Directory.CreateDirectory(Path.Join(DirectoryPath, "outside")).FullName;
        File.WriteAllText(Path.Join(outside, "file"), "data");
        string tree = Directory.CreateDirectory(Path.Join(DirectoryPath, "tree/inner")).FullName;
        Directory.CreateSymbolicLink(Path.Join(tree, "link"), outside);
        Directory.CreateSymbolicLink(Path.Join(DirectoryPath, "tree/link"), "../outside");
        Remove("tree");
        Assert.That(Directory.Exists(Path.Join(DirectoryPath, "tree")), Is.False);
        Assert.That(File.Exists(Path.Join(outside, "file")));
    }

    [Test]
    public void A_link_in_the_place_of_the_tree_is_deleted_itself()
    {
        string outside = Directory.CreateDirectory(Path.Join(DirectoryPath, "outside")).FullName;
        File.WriteAllText(Path.Join(outside, "file"), "data");
        Directory.CreateSymbolicLink(Path.Join(DirectoryPath, "tree"), outside);
        Remove("tree");
        Assert.That(File.Exists(Path.Join(outside, "file")));
        Assert.That(new FileInfo(Path.Join(DirectoryPath, "tree")).LinkTarget, Is.Null);
    }

    [Test]
    public void A_tree_deeper_than_any_path_is_deleted()
    {
        Directory.CreateDirectory(Path.Join(DirectoryPath, "tree"));
        SafeFileHandle level = Interop.Sys.TryOpen(null, Path.Join(DirectoryPath, "tree"), Interop.Sys.ReadDirectoryOnly, out _)!;
        for (int i = 0; i < 3000; i++)
        {
            Assert.That(Interop.Sys.MakeDirectory(level, "d", 0x1C0), Is.Zero);
            SafeFileHandle next = Interop.Sys.TryOpen(level, "d", Interop.Sys.ReadDirectoryOnly, out _)!;
            level.Dispose();
            level = next;
        }
        level.Dispose();
        Assert.That(() => TreeMeasure.Take(Path.Join(DirectoryPath, "tree"), null, null, CancellationToken.None), Throws.InstanceOf<ContainerdException>());
        Remove("tree");
        Assert.That(Directory.Exists(Path.Join(DirectoryPath, "tree")), Is.False);
    }

    [Test]
    public void Many_files_of_every_kind_go()
    {
        string tree = Directory.CreateDirectory(Path.Join(DirectoryPath, "tree/many")).FullName;
        for (int i = 0; i < 3000; i++)
            File.WriteAllText(Path.Join(tree, $"file-{i}"), "");
        using (var mknod = System.Diagnostics.Process.Start("mknod", [Path.Join(tree, "whiteout"), "c", "0", "0"]))
            mknod.WaitForExit();
        using (var mkfifo = System.Diagnostics.Process.Start("mkfifo", [Path.Join(tree, "pipe")]))
            mkfifo.WaitForExit();
        Assert.That(TreeMeasure.Take(Path.Join(DirectoryPath, "tree"), null, null, CancellationToken.None).Usage.Inodes, Is.EqualTo(3004));
        Remove("tree");
        Remove("tree");
        Assert.That(Directory.Exists(Path.Join(DirectoryPath, "tree")), Is.False);
    }

    [TestCase(0, "file")]
    [TestCase(0, "directory")]
    [TestCase(80, "file")]
    [TestCase(80, "directory")]
    public void A_mount_in_the_tree_is_told_and_left_alone_wherever_it_is(int depth, string kind)
    {
        string deep = Directory.CreateDirectory(Path.Join(DirectoryPath, "tree", string.Concat(Enumerable.Repeat("/d", depth)))).FullName;
        string source = Directory.CreateDirectory(Path.Join(DirectoryPath, "source")).FullName, precious = Path.Join(source, "precious"), target = Path.Join(deep, kind);
        File.WriteAllText(precious, "data");
        if (kind == "file")
            File.WriteAllText(target, "");
        else
            Directory.CreateDirectory(target);
        Mounter.Mount([Mount.Bind(kind == "file" ? precious : source)], target);
        ContainerdException failure = Assert.Throws<ContainerdException>(() => Remove("tree"))!;
        Assert.That(failure.Kind, Is.EqualTo(ErrorKind.FailedPrecondition));
        Assert.That(failure.Message, Does.Contain($"mounted at '{kind}'"));
        Mounter.Unmount(DirectoryPath, UnmountOptions.Recursive); // it may have been moved up
        Remove("tree");
        Assert.That(Directory.Exists(Path.Join(DirectoryPath, "tree")), Is.False);
        Assert.That(File.ReadAllText(precious), Is.EqualTo("data"));
    }

    [Test]
    public void What_is_immutable_or_append_only_goes_too()
    {
        string deep = string.Concat(Enumerable.Repeat("/d", 80)), tree = Directory.CreateDirectory(Path.Join(DirectoryPath, "tree", deep)).FullName;
        try
        {
            string appended = Directory.CreateDirectory(Path.Join(tree, "appended")).FullName, top = Path.Join(DirectoryPath, "tree");
            File.WriteAllText(Path.Join(tree, "file"), "");
            File.WriteAllText(Path.Join(appended, "file"), "");
            Run("chattr", "+i", Path.Join(tree, "file"));
            Run("chattr", "+a", appended);
            // Also where directories are moved up, and the tree itself.
            for (string path = tree; path.Length >= top.Length; path = Path.GetDirectoryName(path)!)
                Run("chattr", "+i", path);
            Remove("tree");
            Assert.That(Directory.Exists(top), Is.False);
        }
        finally
        {
            if (Directory.Exists(Path.Join(DirectoryPath, "tree")))
                Run("chattr", "-R", "-i", "-a", Path.Join(DirectoryPath, "tree"));
        }
    }

    [TestCase("i")]
    [TestCase("a")]
    public void What_is_protected_stays_so_under_its_other_names(string flag)
    {
        string tree = Directory.CreateDirectory(Path.Join(DirectoryPath, "tree/inner")).FullName, outside = Path.Join(DirectoryPath, "outside");
        File.WriteAllText(outside, "data");
        Run("ln", outside, Path.Join(tree, "one"));
        Run("ln", outside, Path.Join(tree, "two"));
        Run("chattr", $"+{flag}", outside);
        try
        {
            Remove("tree");
            Assert.That(Directory.Exists(Path.Join(DirectoryPath, "tree")), Is.False);
            Assert.That(File.ReadAllText(outside), Is.EqualTo("data"));
            Assert.That(Run("lsattr", outside).Split(' ')[0], Does.Contain(flag));
        }
        finally
        {
            Run("chattr", $"-{flag}", outside);
        }
    }

    [Test]
    public void The_protection_of_the_directory_that_a_tree_lies_in_is_not_lifted()
    {
        string parent = Directory.CreateDirectory(Path.Join(DirectoryPath, "parent")).FullName;
        Directory.CreateDirectory(Path.Join(parent, "tree/inner"));
        Run("chattr", "+a", parent);
        try
        {
            Assert.That(
                () => RemoveFrom(parent, "tree"), Throws.InstanceOf<ContainerdException>().With.Property(nameof(ContainerdException.Kind)).EqualTo(ErrorKind.PermissionDenied));
            Assert.That(Run("lsattr", "-d", parent).Split(' ')[0], Does.Contain("a"));
        }
        finally
        {
            Run("chattr", "-a", parent);
        }
    }

    [Test]
    public void Cancelling_stops_and_the_rest_can_be_deleted_later()
    {
        Directory.CreateDirectory(Path.Join(DirectoryPath, "tree/a/b/c"));
        Assert.That(() => Remove("tree", new CancellationToken(canceled: true)), Throws.InstanceOf<OperationCanceledException>());
        Remove("tree");
        Assert.That(Directory.Exists(Path.Join(DirectoryPath, "tree")), Is.False);
    }

    [Test]
    public async Task Several_delete_one_deep_tree_at_once()
    {
        for (int i = 0; i < 5; i++)
        {
            for (int chain = 0; chain < 6; chain++)
                Directory.CreateDirectory(Path.Join(DirectoryPath, "tree", $"{chain}", string.Concat(Enumerable.Repeat("d/", 400))));
            await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => Task.Run(() => Remove("tree"))));
            Assert.That(Directory.Exists(Path.Join(DirectoryPath, "tree")), Is.False);
        }
    }

    private void Remove(string name, CancellationToken cancellationToken = default) => RemoveFrom(DirectoryPath, name, cancellationToken);

    private static void RemoveFrom(string directory, string name, CancellationToken cancellationToken = default)
    {
        using SafeFileHandle parent = Interop.Sys.TryOpen(null, directory, Interop.Sys.ReadDirectoryOnly, out _)!;
        TreeRemoval.Remove(parent, name, Path.Join(directory, name), cancellationToken, protectedToo: true);
    }
}

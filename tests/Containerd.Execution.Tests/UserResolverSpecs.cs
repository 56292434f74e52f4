namespace Containerd.Execution.Tests;

public sealed class UserResolverSpecs
{
    private const string Passwd = "root:x:0:0:root:/root:/bin/sh\nweb:x:33:34:web:/var/www:/bin/false\nodd:x:44:45::/:\n# comment\nbroken\nhuge:x:4294967296:0::/:\n4294967296:x:0:0::/:\n";
    private const string Group = "root:x:0:\nwww:x:34:\nadm:x:4:web,odd\nweb:x:99:web\ntape:x:26:web\nbad:x:4294967295:web\n";

    private string root = "";

    [SetUp]
    public void MakeRoot()
    {
        root = Directory.CreateTempSubdirectory("users-").FullName;
        Directory.CreateDirectory(Path.Join(root, "root/etc"));
        File.WriteAllText(Path.Join(root, "root/etc/passwd"), Passwd);
        File.WriteAllText(Path.Join(root, "root/etc/group"), Group);
    }

    [TearDown]
    public void DeleteRoot() => Directory.Delete(root, recursive: true);

    [TestCase("", 0u, 0u, "0")]
    [TestCase("root", 0u, 0u, "0")]
    [TestCase("web", 33u, 34u, "34,4,26")]
    [TestCase("33", 33u, 34u, "34,4,26")]
    [TestCase("web:adm", 33u, 4u, "4,26")]
    [TestCase("web:7", 33u, 7u, "7,4,26")]
    [TestCase("1234", 1234u, 0u, "0")]
    [TestCase("1234:5678", 1234u, 5678u, "5678")]
    [TestCase("1234:tape", 1234u, 26u, "26")]
    [TestCase("2147483647:2147483647", 2147483647u, 2147483647u, "2147483647")]
    public void UserIsResolved(string user, uint uid, uint gid, string groups)
    {
        SpecUser resolved = Resolve(user);
        Assert.That((resolved.Uid, resolved.Gid), Is.EqualTo((uid, gid)));
        Assert.That(string.Join(',', resolved.AdditionalGids!), Is.EqualTo(groups));
        Assert.That(resolved.Umask, Is.EqualTo(0x12u));
    }

    // The last of these is the name of an account that is root: CVE-2024-40635, CVE-2026-46680.
    [TestCase("2147483648")]
    [TestCase("0:2147483648")]
    [TestCase("4294967295")]
    [TestCase("-1")]
    [TestCase("+0")]
    [TestCase("99999999999999999999999")]
    [TestCase("4294967296")]
    [TestCase("web:")]
    [TestCase(":web")]
    [TestCase(":")]
    [TestCase("a:b:c")]
    public void NumberOutOfRangeIsNeverAName(string user) => Assert.That(Kind(user), Is.EqualTo(ErrorKind.InvalidArgument));

    [TestCase("nobody")]
    [TestCase("web:nogroup")]
    [TestCase("huge")]
    [TestCase("broken")]
    public void UnknownNameIsNotFound(string user) => Assert.That(Kind(user), Is.EqualTo(ErrorKind.NotFound));

    [Test]
    public void FilesAreNotNeededForNumbers()
    {
        Directory.Delete(Path.Join(root, "root/etc"), recursive: true);
        Assert.That((Resolve("12").Uid, Resolve("12").Gid), Is.EqualTo((12u, 0u)));
        Assert.That(Resolve("").Uid, Is.Zero);
        Assert.That(Kind("web"), Is.EqualTo(ErrorKind.NotFound));
    }

    [Test]
    public void LinkOutOfTheRootStaysInside([Values("../../outside", "../../../../../../../../ABSOLUTE")] string link)
    {
        // Without a confined walk either would lead to a file in which the user is root.
        string outside = Path.Join(root, "outside");
        File.WriteAllText(outside, "evil:x:0:0::/:\n");
        Replace("passwd", link.Replace("ABSOLUTE", outside.TrimStart('/'), StringComparison.Ordinal));
        Assert.That(Kind("evil"), Is.EqualTo(ErrorKind.NotFound));
        Replace("passwd", outside);
        Assert.That(Kind("evil"), Is.EqualTo(ErrorKind.NotFound));
    }

    [Test]
    public void AbsoluteLinkInsideTheRootWorks()
    {
        Directory.CreateDirectory(Path.Join(root, "root/nix"));
        File.WriteAllText(Path.Join(root, "root/nix/passwd"), Passwd);
        Replace("passwd", "/nix/passwd");
        Assert.That(Resolve("web").Uid, Is.EqualTo(33u));
    }

    [Test]
    public void LinkedDirectoryOutOfTheRootStaysInside()
    {
        Directory.CreateDirectory(Path.Join(root, "outside"));
        File.WriteAllText(Path.Join(root, "outside/passwd"), "evil:x:0:0::/:\n");
        Directory.Delete(Path.Join(root, "root/etc"), recursive: true);
        Directory.CreateSymbolicLink(Path.Join(root, "root/etc"), "../outside");
        Assert.That(Kind("evil"), Is.EqualTo(ErrorKind.NotFound));
    }

    [Test]
    public void LinkLoopIsAnError()
    {
        Replace("passwd", "passwd");
        Assert.That(Kind("web"), Is.EqualTo(ErrorKind.InvalidArgument));
    }

    [Test, CancelAfter(10_000)]
    public void FifoIsNotWaitedFor()
    {
        File.Delete(Path.Join(root, "root/etc/passwd"));
        TestInterop.MakeFifo(Path.Join(root, "root/etc/passwd"));
        Assert.That(Kind("web"), Is.EqualTo(ErrorKind.InvalidArgument));
    }

    [Test]
    public void DirectoryIsNoFile()
    {
        File.Delete(Path.Join(root, "root/etc/passwd"));
        Directory.CreateDirectory(Path.Join(root, "root/etc/passwd"));
        Assert.That(Kind("web"), Is.EqualTo(ErrorKind.InvalidArgument));
    }

    [Test]
    public void ProcLinksAreNotFollowed()
    {
        Replace("passwd", "/proc/self/root/etc/passwd");
        Assert.That(Kind("web"), Is.EqualTo(ErrorKind.NotFound), "there is no proc in the root");
    }

    [Test]
    public void HugeFileIsRefused()
    {
        using (FileStream file = File.OpenWrite(Path.Join(root, "root/etc/group")))
            file.SetLength(11 * 1024 * 1024);
        Assert.That(Kind("web"), Is.EqualTo(ErrorKind.ResourceExhausted));
    }

    [Test]
    public void HugeLineIsRefused()
    {
        File.WriteAllText(Path.Join(root, "root/etc/group"), $"adm:x:4:{new string('a', 100_000)}\n");
        Assert.That(Kind("web"), Is.EqualTo(ErrorKind.ResourceExhausted));
    }

    private SpecUser Resolve(string user) => UserResolver.Resolve(user, Path.Join(root, "root"), new SpecUser { Umask = 0x12 });

    private ErrorKind Kind(string user) => Assert.Catch<ContainerdException>(() => Resolve(user))!.Kind;

    private void Replace(string name, string link)
    {
        string path = Path.Join(root, "root/etc", name);
        File.Delete(path);
        File.CreateSymbolicLink(path, link);
    }
}

using System.Diagnostics;
using System.Text;
using Containerd.Conformance;
using Microsoft.Win32.SafeHandles;

namespace Containerd.Snapshots;

/// <summary>What this copier promises beyond the contract.</summary>
public sealed class FileTreeCopierTests : CopyTest
{
    [Test]
    public void ReadingTheSourceLeavesNoTrace()
    {
        const string Times = "find . -printf '%P %A@ %T@\\n' | sort";
        Shell("cd source; mkdir -p d/e; echo x > d/f; ln -s x d/l; mkfifo d/p; touch -h -d @1000.125 d/{e,f,l,p} d .; touch -h -a -d @900.5 d/{e,f,l,p} d .");
        Copier().Copy(Source, Destination);
        // find tells the times that were before it read. Where a link leads cannot be asked without a trace.
        string source = Shell($"cd source; {Times} | grep -v ^d/l"), destination = Shell($"cd destination; {Times}");
        Assert.That(source.Split('\n')[0], Does.Contain("900.5").And.Contain("1000.125"));
        Assert.That(destination.Split('\n').Where(line => !line.StartsWith("d/l", StringComparison.Ordinal)), Is.EqualTo(source.Split('\n')));
        Assert.That(destination, Does.Contain("d/l 900.5"));
    }

    [Test]
    public void WhiteoutsAndMarksOfAnOverlaySurvive()
    {
        Shell("""
            mkdir -p lower/{gone,opaque,kept} upper work merged; touch lower/gone/x lower/opaque/old lower/kept/{a,b}
            mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work none merged
            rm -r merged/gone merged/opaque merged/kept/a; mkdir merged/opaque; touch merged/opaque/new
            ls -R merged > expected; umount merged
            rmdir source; mv upper source
            """);
        Copier().Copy(Source, Destination);
        Shell("rm -rf work; mkdir work; mount -t overlay -o lowerdir=lower,upperdir=destination,workdir=work none merged; ls -R merged > found; umount merged; cmp expected found");
        Assert.That(Shell("cat found"), Does.Contain("new").And.Not.Contain("old"));
    }

    [Test]
    public void WhatIsMountedInEitherTreeIsRefused()
    {
        Shell("mkdir -p source/d destination/d; touch source/f; mount -t tmpfs none destination/d");
        Assert.That(CopyFails(ErrorKind.FailedPrecondition).Subject, Is.EqualTo(Path.Join(Destination, "d")));
        Shell("umount destination/d; rm -rf destination; echo secret > outside/secret; mount --bind outside/secret source/f");
        Assert.That(CopyFails(ErrorKind.FailedPrecondition).Subject, Is.EqualTo(Path.Join(Source, "f")));
        Assert.That(File.Exists(Path.Join(Destination, "f")), Is.False);
    }

    [Test]
    public void AnAttributeThatCannotBeHeldIsAnError()
    {
        TreeSnapshot.Unpack(
            new TarBuilder().File("f", "x", new TarEntryOptions { Pax = [("SCHILY.xattr.user.precious", "1"u8.ToArray())] }).File("plain").ToArray(), Source);
        Shell("mkdir destination; mount -t ramfs none destination");
        ContainerdException failure = CopyFails(ErrorKind.NotSupported);
        Assert.That(failure.Message, Does.Contain("user.precious"));
        Assert.That(File.Exists(Path.Join(Destination, "f")), Is.False);
        Assert.That(Copier().Copy(Source, Destination, new FileTreeCopyOptions { Exclude = ["f"] }).Entries, Is.EqualTo(1));
    }

    /// <summary>The file system has room, but not for so much with one file; to free some would not help.</summary>
    [Test]
    [RequiresProgram("mkfs.ext4")]
    public void AnAttributeThatIsTooLargeIsAnError()
    {
        TreeSnapshot.Unpack(
            new TarBuilder().File("f", "x", new TarEntryOptions { Pax = [("SCHILY.xattr.user.precious", new byte[60_000])] }).File("plain").ToArray(), Source);
        using FileSystemImage image = FileSystemImage.Make("ext4");
        ContainerdException failure = Assert.Throws<ContainerdException>(() => Copier().Copy(Source, Path.Join(image.Path, "copy")))!;
        Assert.That(failure.Kind, Is.EqualTo(ErrorKind.NotSupported), failure.Message);
        Assert.That(failure.Message, Does.Contain("user.precious").And.Contain("cannot hold").And.Not.Contain("free space"));
        Assert.That(failure.Subject, Is.EqualTo(Path.Join(image.Path, "copy/f")));
    }

    /// <summary>The kernel tells the names of a file's attributes only up to 64 KiB of them, though it keeps more.</summary>
    [Test]
    public void MoreAttributesThanAreListedAreAnError()
    {
        File.WriteAllText(Path.Join(Source, "f"), "x");
        Assert.That(Interop.Files.OpenRoot(Source, out SafeFileHandle directory).Ok);
        using (directory)
        {
            Assert.That(Interop.Files.OpenPath(directory, "f"u8, out SafeFileHandle file).Ok);
            using (file)
            {
                for (int i = 0; i < 300; i++)
                    Assert.That(Interop.Xattr.Set(file, Encoding.ASCII.GetBytes($"trusted.{new string('n', 240)}{i:d3}"), default).Ok);
            }
        }
        ContainerdException failure = CopyFails(ErrorKind.ResourceExhausted);
        Assert.That(failure.Message, Does.Contain("64 KiB"));
        Assert.That(failure.Subject, Is.EqualTo(Path.Join(Source, "f")));
    }

    /// <summary>Attributes are set as whoever owns the files could, which is all that somebody without privileges has.</summary>
    [Test]
    [RequiresProgram("setpriv")]
    public async Task FilesThatNobodyMayWriteToHaveTheirAttributes()
    {
        TreeSnapshot.Unpack(
            new TarBuilder()
                .Directory("d", new TarEntryOptions { Mode = 0x16D, Pax = [("SCHILY.xattr.user.d", "1"u8.ToArray())] })
                .File("d/f", "x", new TarEntryOptions { Mode = 0x124, Pax = [("SCHILY.xattr.user.f", "1"u8.ToArray())] }).ToArray(),
            Source);
        using Process copying = Tests.LayerChild.StartUnderModes("copy", Source, Destination);
        string errors = await copying.StandardError.ReadToEndAsync();
        await copying.WaitForExitAsync();
        Assert.That(copying.ExitCode, Is.Zero, errors);
        Assert.That(TreeSnapshot.Describe(Destination), Is.EqualTo(TreeSnapshot.Describe(Source)));
    }

    [Test]
    public void DeepTreesKeepFewFilesOpen()
    {
        string path = string.Concat(Enumerable.Repeat("d/", 1900));
        Shell($"cd source; mkdir -p {path}; cd {path[..1800]}; mkdir {{1..300}}");
        int most = 0;
        Copier().Copy(Source, Destination, progress: new Progress(() => most = Math.Max(most, Directory.GetFiles("/proc/self/fd").Length)));
        Assert.That(most, Is.InRange(1, 256 + 250));
    }

    [Test]
    public void WhatIsImmutableInTheDestinationIsNotRemoved()
    {
        string kept = Directory.CreateDirectory(Path.Join(Destination, "kept")).FullName;
        File.WriteAllText(Path.Join(kept, "file"), "");
        Shell("chattr +i destination/kept/file");
        try
        {
            CopyFails(ErrorKind.PermissionDenied, new FileTreeCopyOptions { Mirror = true });
            Assert.That(Shell("lsattr destination/kept/file").Split(' ')[0], Does.Contain("i"));
        }
        finally
        {
            Shell("chattr -i destination/kept/file");
        }
    }

    [Test]
    public void PathsOfDetachedTreesCanBeCopied()
    {
        Shell("echo data > source/file; mkdir destination");
        var mounter = new LinuxMounter();
        using IDetachedMount from = mounter.MountDetached([Mount.Bind(Source)]), to = mounter.MountDetached([Mount.Bind(Destination)]);
        Copier().Copy(from.Path, to.Path);
        Assert.That(File.ReadAllText(Path.Join(Destination, "file")), Is.EqualTo("data\n"));
    }

    [Test]
    public void AFailureLeavesNothingOpen()
    {
        Shell("for d in {1..30}; do mkdir -p source/$d/a/b; touch source/$d/a/b/{1..50}; done; mkdir -p destination/7/a; touch destination/7/a/b");
        Copier().Copy(Source, Path.Join(Scratch, "warm"));
        int before = Directory.GetFiles("/proc/self/fd").Length;
        for (int i = 0; i < 20; i++)
            CopyFails(ErrorKind.FailedPrecondition, parallelism: 4);
        Assert.That(Directory.GetFiles("/proc/self/fd"), Has.Length.LessThan(before + 10));
    }

    [Test]
    public void AnExceptionOfTheProgressEndsTheCopy()
    {
        Shell("touch source/{1..2000}");
        Assert.That(() => Copier().Copy(Source, Destination, progress: new Progress(() => throw new TimeoutException())), Throws.InstanceOf<TimeoutException>());
    }

    [TestCase(0)]
    [TestCase(65)]
    public void ParallelismIsBounded(int parallelism) =>
        Assert.That(() => new FileTreeCopierOptions { Parallelism = parallelism }, Throws.InstanceOf<ArgumentOutOfRangeException>());

    private sealed class Progress(Action told) : IProgress<FileTreeCopyProgress>
    {
        public void Report(FileTreeCopyProgress value) => told();
    }
}

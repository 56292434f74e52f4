using Containerd.Conformance;
using Containerd.Integration.Fixtures;

namespace Containerd.Integration;

/// <summary>The sample command line, as a person or a script drives it, against a real registry and a real Debian tree.</summary>
[RequiresRoot]
[RequiresProgram("runc")]
[RequiresProgram("docker-registry")]
[RequiresProgram("debootstrap")]
[RequiresProgram("umoci")]
[RequiresProgram("skopeo")]
[RequiresFileSystem("overlay")]
public sealed class CtrTests
{
    private DebianImage _image = null!;
    private Machine _before = null!;
    private Ctr _ctr = null!;

    [OneTimeSetUp]
    public async Task MakeImage() => _image = await DebianImage.GetAsync();

    [SetUp]
    public void SetUp()
    {
        _before = Machine.Look();
        _ctr = new Ctr();
    }

    [TearDown]
    public void NothingIsLeft()
    {
        _ctr.Dispose();
        Assert.That(Machine.Look().Since(_before), Is.Empty);
    }

    [TestCase(false, TestName = "Pull_by_tag_then_run")]
    [TestCase(true, TestName = "Pull_by_digest_then_run")]
    public async Task Pull_then_run(bool byDigest)
    {
        string reference = byDigest ? _image.ByDigest : _image.ByTag;
        CtrResult pull = await _ctr.RunAsync("pull", "--plain-http", reference);
        Assert.That(pull.ExitCode, Is.Zero, pull.ToString());

        CtrResult run = await _ctr.RunAsync("run", reference, "/bin/sh", "-c", "cat /etc/os-release; id; ip addr || ls /sys/class/net; cat /srv/removed");
        Assert.That(run.ExitCode, Is.EqualTo(1), run.ToString());
        Assert.That(run.Output, Does.Contain("PRETTY_NAME=").And.Contain("uid=0(root)").And.Contain("LOOPBACK"));
        Assert.That(run.Output, Does.Not.Contain("dropped by the third layer"));
        Assert.That(run.Error, Does.Contain("/srv/removed"));

        CtrResult success = await _ctr.RunAsync("run", reference, "/bin/sh", "-c", "cat /etc/os-release; id; ip addr || ls /sys/class/net");
        Assert.That(success.ExitCode, Is.Zero, success.ToString());

        CtrResult seven = await _ctr.RunAsync("run", reference, "/bin/sh", "-c", "exit 7");
        Assert.That(seven.ExitCode, Is.EqualTo(7), seven.ToString());

        Assert.That(await ListAsync("ps"), Is.Empty);
    }

    [Test]
    public async Task A_container_that_runs_is_listed_and_ends_with_its_command()
    {
        await PullAsync();
        using System.Diagnostics.Process run = _ctr.Start(null, "run", "--id", "live", _image.ByTag, "/bin/sleep", "600");
        await UntilListedAsync("live", run);
        CtrResult ps = await _ctr.RunAsync("ps");
        Assert.That(ps.Output, Does.Match("live +Running +[0-9]+"), ps.ToString());

        await Shell.RunAsync("kill", "-INT", run.Id.ToString(System.Globalization.CultureInfo.InvariantCulture));
        await run.WaitForExitAsync();
        Assert.That(run.ExitCode, Is.EqualTo(130), await run.StandardError.ReadToEndAsync());
        await AssertNoContainerIsLeft();
    }

    [Test]
    public async Task What_a_killed_command_leaves_is_cleaned_up()
    {
        await PullAsync();
        using System.Diagnostics.Process run = _ctr.Start(null, "run", "--id", "live", _image.ByTag, "/bin/sleep", "600");
        await UntilListedAsync("live", run);
        run.Kill();
        await run.WaitForExitAsync();
        Assert.That(await ListAsync("ps"), Is.EqualTo(new[] { "live" }), "the container has outlived its command");

        CtrResult cleanup = await _ctr.RunAsync("cleanup");
        Assert.That((cleanup.ExitCode, cleanup.Output), Is.EqualTo((0, "live\n")), cleanup.ToString());
        await AssertNoContainerIsLeft();
    }

    [Test]
    public async Task Layers_above_change_replace_and_remove_what_is_below()
    {
        await PullAsync();
        CtrResult run = await _ctr.RunAsync("run", _image.ByTag, "/bin/sh", "-c", "cat /srv/changed; ls /srv; stat -c '%a %u %g' /srv/owned; readlink /srv/link");
        Assert.That(run.ExitCode, Is.Zero, run.ToString());
        Assert.That(run.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries), Is.EqualTo(new[] { "second", "changed", "link", "owned", "4750 1234 5678", "/srv/changed" }), run.ToString());
    }

    [Test]
    public async Task Standard_input_reaches_the_container_and_its_errors_come_back()
    {
        await PullAsync();
        using System.Diagnostics.Process process = _ctr.Start(null, "run", "--interactive", _image.ByTag, "/bin/sh", "-c", "cat; echo to-error >&2");
        await process.StandardInput.WriteAsync("through\n");
        process.StandardInput.Close();
        string output = await process.StandardOutput.ReadToEndAsync();
        string error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.That((process.ExitCode, output), Is.EqualTo((0, "through\n")), error);
        Assert.That(error, Does.Contain("to-error"));
    }

    [Test]
    public async Task What_was_pulled_is_listed()
    {
        await PullAsync();
        Assert.That(await ListAsync("images"), Is.EqualTo(new[] { _image.ByTag }));
        Assert.That(await ListAsync("content"), Has.Length.EqualTo(5), "a manifest, a configuration and three layers");
        Assert.That(await ListAsync("snapshots"), Has.Length.EqualTo(3));
    }

    [Test]
    public async Task A_blob_that_does_not_match_its_digest_is_refused()
    {
        CtrResult pull = await _ctr.RunAsync("pull", "--plain-http", _image.Damaged);
        Assert.That(pull.ExitCode, Is.Not.Zero, pull.ToString());
        Assert.That(pull.Error, Does.Contain(_image.DamagedLayer.ToString()).And.Contain("digest"));
        await AssertNothingWasStored();
    }

    [Test]
    public async Task An_image_for_another_platform_is_refused()
    {
        CtrResult pull = await _ctr.RunAsync("pull", "--plain-http", _image.OtherPlatform);
        Assert.That(pull.ExitCode, Is.Not.Zero, pull.ToString());
        Assert.That(pull.Error, Does.Contain("linux/s390x").And.Contain(Platform.Current.ToString()));
        await AssertNothingWasStored();
    }

    [Test]
    public async Task A_missing_tag_is_named()
    {
        CtrResult pull = await _ctr.RunAsync("pull", "--plain-http", $"{_image.Registry}/debian:nope");
        Assert.That(pull.ExitCode, Is.Not.Zero, pull.ToString());
        Assert.That(pull.Error, Does.Contain($"{_image.Registry}/debian:nope"));
        await AssertNothingWasStored();
    }

    [Test]
    public async Task An_unreachable_registry_is_named()
    {
        CtrResult pull = await _ctr.RunAsync("pull", "--plain-http", "127.0.0.1:1/debian:test");
        Assert.That(pull.ExitCode, Is.Not.Zero, pull.ToString());
        Assert.That(pull.Error, Does.Contain("127.0.0.1:1"));
        await AssertNothingWasStored();
    }

    [Test]
    public async Task A_missing_runtime_is_named()
    {
        await PullAsync();
        CtrResult run = await _ctr.RunAsync("run", "--runtime", "no-such-runc", _image.ByTag, "/bin/true");
        Assert.That(run.ExitCode, Is.Not.Zero, run.ToString());
        Assert.That(run.Error, Does.Contain("no-such-runc"));
        await AssertNoContainerIsLeft();
    }

    [Test]
    public async Task A_program_that_the_rootfs_lacks_is_named()
    {
        await PullAsync();
        CtrResult run = await _ctr.RunAsync("run", _image.ByTag, "/bin/no-such-program");
        Assert.That(run.ExitCode, Is.Not.Zero, run.ToString());
        Assert.That(run.Error, Does.Contain("/bin/no-such-program"));
        await AssertNoContainerIsLeft();
    }

    [Test]
    public async Task An_image_that_was_not_pulled_is_named()
    {
        CtrResult run = await _ctr.RunAsync("run", "localhost/none:1", "/bin/true");
        Assert.That(run.ExitCode, Is.Not.Zero, run.ToString());
        Assert.That(run.Error, Does.Contain("localhost/none:1"));
    }

    [Test]
    public async Task Two_processes_pull_the_same_image_at_once()
    {
        CtrResult[] pulls = await Task.WhenAll(
            _ctr.RunAsync("pull", "--plain-http", _image.ByTag), _ctr.RunAsync("pull", "--plain-http", _image.ByTag));
        Assert.That(pulls.Select(pull => pull.ExitCode), Is.All.Zero, string.Join('\n', pulls.Select(pull => pull.ToString())));
        CtrResult run = await _ctr.RunAsync("run", _image.ByTag, "/bin/true");
        Assert.That(run.ExitCode, Is.Zero, run.ToString());
    }

    private async Task PullAsync()
    {
        CtrResult pull = await _ctr.RunAsync("pull", "--plain-http", _image.ByTag);
        Assert.That(pull.ExitCode, Is.Zero, pull.ToString());
    }

    private async Task<string[]> ListAsync(string what)
    {
        CtrResult list = await _ctr.RunAsync(what, "--quiet");
        Assert.That(list.ExitCode, Is.Zero, list.ToString());
        return list.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    private async Task UntilListedAsync(string id, System.Diagnostics.Process run)
    {
        while (!(await _ctr.RunAsync("ps")).Output.Contains($"{id}  Running", StringComparison.Ordinal))
            Assert.That(run.HasExited, Is.False, "the container's command has ended");
    }

    private async Task AssertNothingWasStored()
    {
        Assert.That(await ListAsync("images"), Is.Empty);
        Assert.That(await ListAsync("snapshots"), Is.Empty);
    }

    private async Task AssertNoContainerIsLeft()
    {
        Assert.That(await ListAsync("ps"), Is.Empty);
        Assert.That(await ListAsync("snapshots"), Has.Length.EqualTo(3), "only the image's layers are left");
    }
}
